import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type EpochSeconds, isMethodName, type ToolPin } from '../../model/index.ts'
import { annotatesHeadersWell } from './parameter-headers.ts'

/** A tool as a server lists it: untrusted, and with a name. */
export type Listed = Readonly<Record<string, unknown>> & { readonly name: string }

export function isListed(tool: unknown): tool is Listed {
  if (typeof tool !== 'object' || tool === null || !('name' in tool)) return false
  return typeof tool.name === 'string' && !isMethodName(tool.name)
}

export type SeenDefinition = NonNullable<ToolPin['seen']>

/** All that tells a model or a client what a tool is and how it is called. Icons and `_meta` do not. */
const members = [
  'name',
  'title',
  'description',
  'inputSchema',
  'outputSchema',
  'annotations',
  'execution',
] as const

const longest = { title: 200, description: 4_000, text: 16_384 }

/** SHA-256 over the canonical form (RFC 8785) of the members above, as far as the tool has them. */
export function readDefinition(listed: Listed, at: EpochSeconds): SeenDefinition {
  const held = Object.fromEntries(
    members.filter((it) => Object.hasOwn(listed, it)).map((it) => [it, listed[it]]),
  )
  const text = canonical(held)
  const digest = `sha256:${createHash('sha256')
    .update(text ?? '')
    .digest('hex')}`
  const fault = text === undefined ? 'unreadable' : faultOf(listed)
  return {
    digest,
    at,
    ...bounded('title', listed['title']),
    ...bounded('description', listed['description']),
    ...bounded('text', text),
    ...(fault === undefined ? {} : { fault }),
  }
}

const mostRemembered = 2_000
const longestRemembered = 4_096

/**
 * The same, remembering what was read by how it is written: the same list comes with every `tools/list`, and the digests
 * were a fifth of what it cost.
 */
export function createDefinitionReader(): typeof readDefinition {
  const known = new Map<string, SeenDefinition>()
  return (listed, at) => {
    const text = JSON.stringify(listed)
    const found = known.get(text)
    if (found !== undefined) return { ...found, at }
    const definition = readDefinition(listed, at)
    if (known.size >= mostRemembered) known.clear()
    if (text.length <= longestRemembered) known.set(text, definition)
    return definition
  }
}

/** Undefined for what has no canonical form, such as half a surrogate pair. */
function canonical(value: object): string | undefined {
  try {
    return canonicalize(value)
  } catch {
    return undefined
  }
}

function faultOf({ inputSchema }: Listed): string | undefined {
  return inputSchema === undefined || annotatesHeadersWell(inputSchema) ? undefined : 'x-mcp-header'
}

function bounded<K extends keyof typeof longest>(key: K, value: unknown): { readonly [key in K]?: string } {
  if (typeof value !== 'string') return {}
  const cut = value.length <= longest[key] ? value : `${value.slice(0, longest[key])}…`
  return { [key]: cut } as { [key in K]: string }
}
