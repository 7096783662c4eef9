import type { IncomingMessage } from 'node:http'
import { SallyportError } from '../model/index.ts'
import { ByName } from './by-name.ts'
import type { Arrived } from './context.ts'
import { carriesToken, readTarget } from './path.ts'
import { comparableName, connectionNames, mayLeave } from './strip.ts'

/** What this listener answers to. */
export interface Doorplate {
  /** Names for `Host`: with a port that very one, without a port any. Lower case; IPv6 in brackets. */
  readonly hosts: readonly string[]
  /** Browser origins that are served; none by default. */
  readonly origins: readonly string[]
}

/** The headers that decide how a request is read, and the rest that may leave. */
export interface Head {
  readonly leaving: string[]
  host: string | undefined
  type: string | undefined
  authorization: string | undefined
  connection: string | undefined
  length: number | undefined
  chunked: boolean
  trace: string | undefined
}

/**
 * The request as it came, read strictly: one source for each fact, and no second reading left for a later hop.
 * Node's parser has already refused two lengths, a length beside chunked, bare line feeds and controls in headers.
 * @throws host_refused, origin_refused, token_missing, token_malformed, token_ambiguous, path_ambiguous,
 *   request_malformed, method_refused, not_found
 */
export function receive(
  req: IncomingMessage,
  door: Doorplate,
  { id, at }: { readonly id: string; readonly at: number },
): { readonly arrived: Arrived; readonly bearer: string } {
  const { method = '', url = '' } = req
  const head = readCurrent(req, door)
  checkHost(head.host, door)
  if (method === 'TRACE' || method === 'CONNECT') throw new SallyportError('method_refused')
  const target = readTarget(url)
  if (target === undefined) throw new SallyportError(url.startsWith('/') ? 'not_found' : 'request_malformed')
  if (carriesToken(target.query)) throw new SallyportError('token_ambiguous')
  const bearer = bearerOf(req, head.authorization)
  const { chunked, length, trace } = head
  return {
    bearer,
    arrived: {
      id,
      at,
      method,
      target,
      head: leavingOf(head, bearer, url),
      egress: `${'encrypted' in req.socket ? 'https' : 'http'}://${head.host ?? ''}`,
      chunked,
      length,
      trace,
    },
  }
}

/** The same strictness for a request without a target: identity, host and origin only. */
export function receivePlain(req: IncomingMessage, door: Doorplate): string {
  const head = readHead(req.rawHeaders, door)
  checkHost(head.host, door)
  return readBearer(head.authorization)
}

/**
 * The head of a request that will be sent on. Node's parser takes a request line without a version as HTTP/0.9, and 1.0
 * has other rules for a body's end. @throws request_malformed, token_ambiguous, origin_refused
 */
export function readCurrent({ httpVersion, rawHeaders }: IncomingMessage, door: Doorplate): Head {
  if (httpVersion !== '1.1') throw new SallyportError('request_malformed')
  return readHead(rawHeaders, door)
}

/** What of a head goes on, which the caller's token may not be in. @throws token_ambiguous */
export function leavingOf(head: Head, bearer: string, url: string): readonly string[] {
  const leaving = withoutHop(head)
  refuseElsewhere(bearer, url, leaving)
  return leaving
}

/** The head of a request in whatever form. @throws request_malformed, token_ambiguous, origin_refused */
export function readHead(raw: readonly string[], door: Doorplate): Head {
  const head: Head = {
    leaving: [],
    host: undefined,
    type: undefined,
    authorization: undefined,
    connection: undefined,
    length: undefined,
    chunked: false,
    trace: undefined,
  }
  for (let index = 0; index < raw.length; index += 2) {
    const field = fields.of(raw[index] ?? '')
    const value = raw[index + 1] ?? ''
    field.read?.(head, value, door)
    if (field.leaves) head.leaving.push(field.name, value)
  }
  return head
}

type Reader = (head: Head, value: string, door: Doorplate) => void

/** What a header's name alone says of it. */
interface Field {
  /** In lower case. */
  readonly name: string
  readonly leaves: boolean
  readonly read: Reader | undefined
}

const fields = new ByName<Field>((written) => {
  const name = written.toLowerCase()
  return { name, leaves: mayLeave(comparableName(name)), read: readers.get(name) }
})

/** Where a name stands twice, two readers may each take another value. */
function once(former: unknown, code: 'request_malformed' | 'token_ambiguous' = 'request_malformed'): void {
  if (former !== undefined) throw new SallyportError(code)
}

/** Headers that say how the request is to be read. */
const readers = new Map<string, Reader>([
  [
    'host',
    (head, value) => {
      once(head.host)
      head.host = value.toLowerCase()
    },
  ],
  [
    'authorization',
    (head, value) => {
      once(head.authorization, 'token_ambiguous')
      head.authorization = value
    },
  ],
  [
    'connection',
    (head, value) => {
      head.connection = head.connection === undefined ? value : `${head.connection},${value}`
    },
  ],
  [
    'content-length',
    (head, value) => {
      once(head.length)
      head.length = Number(value)
      // Beyond that the number written downstream would be another one.
      if (!Number.isSafeInteger(head.length)) throw new SallyportError('request_malformed')
    },
  ],
  [
    'content-type',
    (head, value) => {
      once(head.type)
      head.type = value
    },
  ],
  [
    'transfer-encoding',
    (head, value) => {
      if (head.chunked || value.toLowerCase() !== 'chunked') throw new SallyportError('request_malformed')
      head.chunked = true
    },
  ],
  [
    'upgrade',
    () => {
      throw new SallyportError('request_malformed')
    },
  ],
  [
    'origin',
    (_head, value, door) => {
      if (!door.origins.includes(value)) throw new SallyportError('origin_refused')
    },
  ],
  [
    'sec-fetch-site',
    (_head, value, door) => {
      // Browsers say it with every request, with `Origin` or without; other clients do not.
      const own = value === 'none' || value === 'same-origin'
      if (!own && door.origins.length === 0) throw new SallyportError('origin_refused')
    },
  ],
  [
    'traceparent',
    (head, value) => {
      head.trace = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(value)?.[1]
    },
  ],
])

/** @throws host_refused */
export function checkHost(host: string | undefined, door: Pick<Doorplate, 'hosts'>): void {
  if (host !== undefined) {
    if (door.hosts.includes(host)) return
    const bare = /^(.*):\d{1,5}$/.exec(host)?.[1]
    if (bare !== undefined && door.hosts.includes(bare)) return
  }
  throw new SallyportError('host_refused')
}

/** The token that came last over a connection, as it stood in the header and as it was read. */
const lastBearers = new WeakMap<object, { readonly authorization: string; readonly bearer: string }>()

/**
 * A connection mostly brings the same token again. The text that was read before is handed on then, so that it is
 * neither judged nor hashed anew: comparing the two costs a tenth of that.
 */
function bearerOf({ socket }: IncomingMessage, authorization: string | undefined): string {
  const last = lastBearers.get(socket)
  if (last !== undefined && last.authorization === authorization) return last.bearer
  const bearer = readBearer(authorization)
  if (authorization !== undefined) lastBearers.set(socket, { authorization, bearer })
  return bearer
}

/** RFC 6750 §2.1: one credential, scheme in any case, `b64token`. */
export function readBearer(authorization: string | undefined): string {
  if (authorization === undefined || !/^bearer(?:$| )/i.test(authorization))
    throw new SallyportError('token_missing')
  const token = afterSpaces(authorization, 7)
  if (token === '') throw new SallyportError('token_missing')
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token))
    throw new SallyportError(/[\s,]/.test(token) ? 'token_ambiguous' : 'token_malformed')
  return token
}

/** The rest of a header's value behind a scheme and its spaces: only spaces, since `trim` knows more than HTTP does. */
export function afterSpaces(value: string, from: number): string {
  let start = from
  while (value.charCodeAt(start) === 0x20) start += 1
  return value.slice(start)
}

/** Takes out what `Connection` declares to be of this hop only (RFC 9110 §7.6.1). */
function withoutHop({ connection, leaving }: Head): readonly string[] {
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return leaving
  const hop = connectionNames(connection)
  const kept: string[] = []
  for (let index = 0; index < leaving.length; index += 2) {
    const name = leaving[index] ?? ''
    if (!hop.includes(comparableName(name))) kept.push(name, leaving[index + 1] ?? '')
  }
  return kept
}

/** The caller's token leaves by no other way either: not in the URL, not in a header of its own. */
export function refuseElsewhere(bearer: string, url: string, leaving: readonly string[]): void {
  if (url.includes(bearer)) throw new SallyportError('token_ambiguous')
  for (let index = 1; index < leaving.length; index += 2) {
    const value = leaving[index] ?? ''
    if (value.length >= bearer.length && value.includes(bearer)) throw new SallyportError('token_ambiguous')
  }
}
