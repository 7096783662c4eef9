import type { IncomingMessage } from 'node:http'
import { SallyportError } from '../model/index.ts'

/** The headers of a request that say how it is to be read, and those that go on to the server. */
export interface Head {
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly authorization: string | undefined
  readonly type: string | undefined
  readonly length: number | undefined
  readonly chunked: boolean
  readonly encoded: boolean
  readonly version: string | undefined
  readonly session: string | undefined
  readonly method: string | undefined
  readonly name: string | undefined
  readonly trace: string | undefined
  /** Name, value, name, value …; names in lower case. */
  readonly leaving: readonly string[]
}

/** What a server needs of its client, besides everything that begins with `mcp-`. Nothing else of a client leaves. */
const leaves = new Set([
  'accept',
  'accept-language',
  'content-type',
  'last-event-id',
  'traceparent',
  'tracestate',
  'baggage',
  'user-agent',
])
/** Of these a second one would let two readers take two values. */
const single = new Set([
  'host',
  'origin',
  'authorization',
  'content-type',
  'content-length',
  'last-event-id',
  'traceparent',
])

/** @throws request_malformed, token_ambiguous */
export function readHead({ httpVersion, rawHeaders }: IncomingMessage): Head {
  if (httpVersion !== '1.1') throw new SallyportError('request_malformed')
  const seen = new Map<string, string>()
  const leaving: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    const value = rawHeaders[index + 1] ?? ''
    const ours = name.startsWith('mcp-')
    if (ours || single.has(name)) checkFirst(seen, name)
    seen.set(name, value)
    if (ours || leaves.has(name)) leaving.push(name, value)
  }
  if (seen.has('upgrade')) throw new SallyportError('request_malformed')
  const length = seen.get('content-length')
  return {
    host: seen.get('host')?.toLowerCase(),
    origin: seen.get('origin'),
    authorization: seen.get('authorization'),
    type: seen.get('content-type'),
    length: length === undefined ? undefined : Number(length),
    chunked: seen.has('transfer-encoding'),
    encoded: seen.has('content-encoding'),
    version: seen.get('mcp-protocol-version'),
    session: seen.get('mcp-session-id'),
    method: seen.get('mcp-method'),
    name: seen.get('mcp-name'),
    trace: /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(seen.get('traceparent') ?? '')?.[1],
    leaving,
  }
}

function checkFirst(seen: ReadonlyMap<string, string>, name: string): void {
  if (!seen.has(name)) return
  throw new SallyportError(name === 'authorization' ? 'token_ambiguous' : 'request_malformed')
}
