import type { Bound } from './context.ts'
import { rewriteHeader, rewritten } from './rewrite.ts'
import { comparableName, connectionNames, mayReturn } from './strip.ts'

type Headers = Record<string, string | string[] | undefined>

/** Under which names downstreams tell their own request id. */
const idNames = [
  'x-request-id',
  'request-id',
  'x-github-request-id',
  'x-amzn-requestid',
  'x-amz-request-id',
  'x-ms-request-id',
  'x-correlation-id',
]

/** The downstream's id of the request, if it told one of harmless charset: it goes to the record. */
export function readDownstreamId(headers: Headers): string | undefined {
  for (const name of idNames) {
    const value = headers[name]
    if (typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value)) return value
  }
  return undefined
}

/** The answer's headers for the caller: name, value, name, value … */
export function returningHead(status: number, headers: Headers, bound: Bound): string[] {
  const { connection } = headers
  const hop = connection === undefined ? [] : connectionNames(String(connection))
  const head = ['sallyport-request-id', bound.id]
  for (const name in headers) {
    const value = headers[name]
    const comparable = comparableName(name)
    if (value === undefined || !mayReturn(comparable) || hop.includes(comparable)) continue
    // RFC 9110 §8.6: a 204 has no length; one that is there is another message's.
    if (status === 204 && name === 'content-length') continue
    if (typeof value === 'string') head.push(name, rewritten.has(name) ? moved(name, value, bound) : value)
    else for (const one of value) head.push(name, rewritten.has(name) ? moved(name, one, bound) : one)
  }
  return head
}

function moved(name: string, value: string, bound: Bound): string {
  const { downstream, egress, forward, path } = bound
  const asked = downstream.origin + path
  return rewriteHeader(name, value, { downstream, egress, asked, ...(forward ? { forward } : {}) })
}
