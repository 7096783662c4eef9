import { isLoopbackHost } from '../egress/index.ts'
import type { KnownApi, KnownOperation } from '../model/index.ts'
import { pathParameters } from '../policy/index.ts'
import { readDocument } from './document.ts'
import { ConfigErrors } from './errors.ts'
import { type OpenApiOperation, operationsOf } from './openapi.ts'
import { isMembers, type Members, parseOpenApi } from './openapi-document.ts'
import { createReport } from './report.ts'
import { parseUrl } from './texts.ts'

/** What is written into a configuration is plain, and of a length that people read. */
const longestPath = 160
const mostOperations = 2_000
const mostMembers = 100

/** An OpenAPI 3 document for whoever proposes a configuration, or one sentence that says why it is none. */
export function describeApi(text: string, file: string): KnownApi | string {
  const parsed = parseOpenApi(text)
  if ('why' in parsed) return `The document ${file} cannot be used: at ${parsed.at}, ${parsed.why}.`
  const { document, paths } = parsed
  const report = createReport(readDocument('', file))
  const name = nameOf(document)
  const leftOut: string[] = []
  const found: { readonly shape: string; readonly operation: KnownOperation }[] = []
  for (const [template, item] of Object.entries(paths)) {
    if (!/^[\x21-\x7e]+$/.test(template) || template.length > longestPath) {
      leftOut.push(`${JSON.stringify(template)}: its path is longer than ${longestPath}, or not plain`)
      continue
    }
    const shape = template.replaceAll(/\{[^}]*\}/g, '{}')
    for (const operation of operationsOf(template, item, {
      place: 'the document',
      path: ['openapi'],
      report,
    }))
      found.push({
        shape: `${operation.method} ${shape}`,
        operation: known(operation, name, { document, item }),
      })
  }
  const counts = new Map<string, number>()
  for (const { shape } of found) counts.set(shape, (counts.get(shape) ?? 0) + 1)
  const operations = found.flatMap(({ shape, operation }, index) => {
    const twins = (counts.get(shape) ?? 0) > 1
    if (!twins && index < mostOperations) return [operation]
    const why = twins ? 'another one differs in names of parameters only' : 'there are too many'
    leftOut.push(`${operation.method} ${operation.path}: ${why}`)
    return []
  })
  leftOut.push(...report.warnings.map(({ problem }) => problem), ...faultsOf(report.settle))
  const url = addressOf(document)
  return { name, ...(url === undefined ? {} : { url }), operations, leftOut }
}

function faultsOf(settle: () => void): readonly string[] {
  try {
    settle()
    return []
  } catch (error) {
    return error instanceof ConfigErrors ? error.problems.map(({ problem }) => problem) : []
  }
}

/** `info.title` as the name of a downstream. */
function nameOf({ info }: Members): string {
  const title = isMembers(info) && typeof info['title'] === 'string' ? info['title'] : ''
  const slug = title
    .slice(0, 200)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '')
  return slug === '' ? 'api' : slug
}

/** The first server that a credential may be sent to. */
function addressOf({ servers }: Members): string | undefined {
  const urls = Array.isArray(servers)
    ? servers.map((one: unknown) => (isMembers(one) ? one['url'] : undefined))
    : []
  return urls.find((url): url is string => {
    if (typeof url !== 'string' || url.length > 200 || !/^[\x21-\x7e]+$/.test(url) || /[{}$]/.test(url))
      return false
    if (parseUrl(url) !== undefined) return false
    const { protocol, hostname } = new URL(url)
    return protocol === 'https:' || isLoopbackHost(hostname)
  })
}

interface Place {
  readonly document: Members
  /** Of `paths`. */
  readonly item: unknown
}

function known(operation: OpenApiOperation, downstream: string, { document, item }: Place): KnownOperation {
  const { name, method, path, class: risk } = operation
  const at = isMembers(item) ? item : {}
  const own = at[method.toLowerCase()]
  const members = isMembers(own) ? own : {}
  const parameters = new Map<string, string>()
  for (const one of [...listOf(at['parameters']), ...listOf(members['parameters'])]) {
    const parameter = resolved(one, document)
    const schema = resolved(parameter['schema'], document)
    const { in: where, name: its } = parameter
    if (where === 'path' && typeof its === 'string' && typeof schema['type'] === 'string')
      parameters.set(its, schema['type'])
  }
  const names = pathParameters(path)
  const body = bodyOf(members, document)
  return {
    downstream,
    method,
    path,
    class: risk,
    ...(name === undefined ? {} : { name }),
    parameters: new Map([...parameters].filter(([its]) => names.includes(its))),
    ...(body === undefined ? {} : { body }),
  }
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The members of a JSON or form body; none where there is no body, undefined where they are not known. */
function bodyOf(operation: Members, document: Members): KnownOperation['body'] {
  if (!Object.hasOwn(operation, 'requestBody')) return new Map()
  const content = resolved(operation['requestBody'], document)['content']
  if (!isMembers(content)) return undefined
  const media = content['application/json'] ?? content['application/x-www-form-urlencoded']
  const schema = isMembers(media) ? resolved(media['schema'], document) : {}
  const { properties } = schema
  // Parts of several schemas, or any name at all: what may stand there is not known.
  if (!isMembers(properties) || 'allOf' in schema || 'oneOf' in schema || 'anyOf' in schema) return undefined
  return new Map(
    Object.entries(properties)
      .slice(0, mostMembers)
      .map(([name, inner]) => {
        const { type } = resolved(inner, document)
        return [name, typeof type === 'string' ? type : undefined] as const
      }),
  )
}

const deepest = 8

/** A part of a document, where a reference within it leads; empty where it leads nowhere. */
function resolved(value: unknown, document: Members, depth = 0): Members {
  if (!isMembers(value)) return {}
  const { $ref: reference } = value
  if (reference === undefined) return value
  if (typeof reference !== 'string' || !reference.startsWith('#/') || depth > deepest) return {}
  let at: unknown = document
  for (const step of reference.slice(2).split('/')) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (!isMembers(at) || !Object.hasOwn(at, name)) return {}
    at = at[name]
  }
  return resolved(at, document, depth + 1)
}
