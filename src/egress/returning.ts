import type { Bound } from './context.ts'
import { rewriteHeader, rewritten } from './rewrite.ts'
import { comparableName, connectionNames, mayReturn } from './strip.ts'

/** Under which names downstreams tell their own request id. */
const idNames = new Set([
  'x-request-id',
  'request-id',
  'x-github-request-id',
  'x-amzn-requestid',
  'x-amz-request-id',
  'x-ms-request-id',
  'x-correlation-id',
])

/** The downstream's id of the request, if it told one of harmless charset: it goes to the record. */
export function readDownstreamId(head: readonly string[]): string | undefined {
  for (let index = 0; index < head.length; index += 2) {
    const value = head[index + 1] ?? ''
    if (idNames.has(head[index] ?? '') && /^[\x21-\x7e]{1,128}$/.test(value)) return value
  }
  return undefined
}

/** The answer's headers for the caller: name, value, name, value … */
export function returningHead(status: number, answered: readonly string[], bound: Bound): string[] {
  const hop = hopNames(answered)
  const head = ['sallyport-request-id', bound.id]
  for (let index = 0; index < answered.length; index += 2) {
    const name = answered[index] ?? ''
    const value = answered[index + 1] ?? ''
    const comparable = comparableName(name)
    if (!mayReturn(comparable) || hop?.includes(comparable) === true) continue
    // RFC 9110 §8.6: a 204 has no length; one that is there is another message's.
    if (status === 204 && name === 'content-length') continue
    const passed = rewritten.has(name) ? moved(name, value, bound) : value
    if (passed !== undefined) head.push(name, passed)
  }
  return head
}

/** What the downstream's `Connection` declares to be of its own connection only. */
function hopNames(head: readonly string[]): string[] | undefined {
  let names: string[] | undefined
  for (let index = 0; index < head.length; index += 2) {
    const value = head[index + 1] ?? ''
    if (head[index] !== 'connection' || /^(?:keep-alive|close)$/i.test(value)) continue
    names = [...(names ?? []), ...connectionNames(value)]
  }
  return names
}

function moved(name: string, value: string, bound: Bound): string | undefined {
  const { downstream, egress, forward, path } = bound
  const asked = downstream.origin + path
  return rewriteHeader(name, value, { downstream, egress, asked, ...(forward ? { forward } : {}) })
}
