import { isJsonObject, SallyportError } from '../model/index.ts'
import type { Head } from './head.ts'
import type { Message } from './message.ts'
import { mirrored } from './mirrored.ts'

/**
 * Which protocol a request is of. `legacy` has sessions and streams (2025-06-18, 2025-11-25), `modern` carries all that
 * it needs in each request (2026-07-28). What could be either is refused: the laxer reading would win otherwise.
 */
export type Era = 'legacy' | 'modern'

const legacyVersions: readonly string[] = ['2025-06-18', '2025-11-25']
const modernVersions: readonly string[] = ['2026-07-28']
/** Revisions that have a name and are not served. */
const tooOld: readonly string[] = ['2024-11-05', '2025-03-26']

const versionKey = 'io.modelcontextprotocol/protocolVersion'

/** Versions are dates, so that their texts are in their order. */
const isModern = (version: string): boolean => !tooOld.includes(version) && !legacyVersions.includes(version)

/** @throws protocol_version_unsupported, protocol_mismatch */
export function eraOfMessage(message: Message, head: Head): Era {
  const told = message.kind === 'response' ? undefined : metaVersion(message)
  const { version } = head
  if (told === undefined && (version === undefined || !isModern(version))) return legacyMessage(message, head)
  if (told === undefined && message.kind !== 'response') throw new SallyportError('protocol_meta_missing')
  if (told === undefined || version !== told) throw new SallyportError('protocol_mismatch')
  if (!modernVersions.includes(told)) throw new SallyportError('protocol_version_unsupported')
  if (message.kind === 'response' || head.session !== undefined) throw new SallyportError('protocol_mismatch')
  checkMirrored(message, head)
  return 'modern'
}

/** What a client may do about a version that is not served. */
export interface Versions {
  readonly requested: string
  readonly supported: readonly string[]
}

/** A client of the modern protocol chooses among modern ones; one that is too old is told all. */
export function versionsFor(message: Message | undefined, { version }: Head): Versions {
  const told = message === undefined || message.kind === 'response' ? undefined : metaVersion(message)
  const asked = message?.kind === 'request' ? message.params['protocolVersion'] : undefined
  const requested = told ?? version ?? (typeof asked === 'string' ? asked : '')
  const supported = told === undefined ? [...legacyVersions, ...modernVersions] : modernVersions
  return { requested: requested.slice(0, 64), supported }
}

/** `GET` opens a stream and `DELETE` ends a session: there is neither in the modern protocol. */
export function checkBodiless({ version }: Head): void {
  if (version !== undefined && isModern(version)) throw new SallyportError('method_refused')
  checkVersion(version)
}

function legacyMessage(message: Message, head: Head): Era {
  checkVersion(head.version)
  // Only the modern protocol has these. Some clients send them always; where they say another thing than the body, or
  // without a version, they are an attempt to be read in two ways.
  if (head.name !== undefined && head.version === undefined) throw new SallyportError('protocol_mismatch')
  if (message.kind !== 'response') checkRepeated(message, head)
  if (message.kind === 'request' && message.method === 'initialize') {
    const asked = message.params['protocolVersion']
    if (typeof asked === 'string') checkVersion(asked)
  }
  return 'legacy'
}

function checkVersion(version: string | undefined): void {
  if (version !== undefined && tooOld.includes(version))
    throw new SallyportError('protocol_version_unsupported')
}

function metaVersion({ params }: Exclude<Message, { kind: 'response' }>): string | undefined {
  const meta = params['_meta']
  if (!isJsonObject(meta)) return undefined
  const version = meta[versionKey]
  if (version === undefined) return undefined
  // A version that is no text names none, and is not the same as none.
  return typeof version === 'string' ? version : ''
}

/** Which parameter `Mcp-Name` repeats, by method. */
const named = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
])

/** The headers that repeat the body, for those who route by them, say what the body says. Decided is by the body. */
function checkMirrored(message: Exclude<Message, { kind: 'response' }>, head: Head): void {
  const needed = named.has(message.method)
  if (head.method === undefined || (needed && head.name === undefined))
    throw new SallyportError('protocol_mismatch')
  checkRepeated(message, head)
}

function checkRepeated({ method, params }: Exclude<Message, { kind: 'response' }>, head: Head): void {
  const field = named.get(method)
  const other =
    (head.method !== undefined && mirrored(head.method) !== method) ||
    (head.name !== undefined && field !== undefined && mirrored(head.name) !== params[field])
  if (other) throw new SallyportError('protocol_mismatch')
}
