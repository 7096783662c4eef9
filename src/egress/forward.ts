import type { IncomingMessage } from 'node:http'
import type { Audit } from '../audit/index.ts'
import type { Identity } from '../identity/index.ts'
import { asSallyportError, type Clock, type Downstream, SallyportError } from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Log } from '../telemetry/index.ts'
import { type Authority, defaultPort, readAuthority, type Scheme, withoutDefault } from './authority.ts'
import type { Arrived, Routed } from './context.ts'
import type { KnownAccess } from './known.ts'
import { match } from './match.ts'
import { carriesToken, checkQuery, normalisePath, readTarget, type Target } from './path.ts'
import { readProxyToken } from './proxy-token.ts'
import { type Doorplate, leavingOf, readCurrent } from './receive.ts'
import { recordRefusal } from './settle.ts'

/** A URL of a downstream as a caller wrote it, in the one form in which it is compared. */
interface Asked {
  readonly scheme: Scheme
  /** Without a port that the scheme implies. */
  readonly authority: Authority
  readonly path: string
  readonly query: string
}

export interface ForwardDeps {
  readonly door: Doorplate
  readonly identity: Pick<Identity, 'identify'>
  readonly policy: Policy
  readonly known: KnownAccess
  readonly audit: Pick<Audit, 'note'>
  readonly log: Log
  readonly clock: Pick<Clock, 'monotonic'>
}

/** Is this the absolute form (RFC 9112 §3.2.2), or anything else that is no path? */
export function isForward(url: string | undefined): boolean {
  return url?.charCodeAt(0) !== 0x2f
}

/**
 * The steps up to `match` for a request whose target is a URL: the downstream is found by that URL, among those that
 * the caller's server may use, and the caller's token is in `Proxy-Authorization`. The rest is as for every request.
 */
export async function routeForward(req: IncomingMessage, id: string, deps: ForwardDeps): Promise<Routed> {
  const { arrived, asked, bearer } = receiveForward(req, id, deps)
  const access = await deps.identity.identify(bearer)
  try {
    const target = locate(asked, access.session.server, deps.policy)
    return match({ ...arrived, target }, access, deps)
  } catch (error) {
    const known = asSallyportError(error)
    const { scheme, authority } = asked
    const place = `${scheme}://${authority.host}${authority.port === undefined ? '' : `:${authority.port}`}`
    recordRefusal({ ...arrived, access, path: asked.path, place }, known.code, deps)
    throw known
  }
}

/**
 * One source for each fact: host and path are the URL's, and a `Host` that says otherwise is refused (RFC 9112 §3.2.2
 * would ignore it). It names no listener of ours here, so what keeps browsers out is that none sends this form to a
 * server, besides `Origin` and `Sec-Fetch-Site`.
 * @throws request_malformed, method_refused, host_mismatch, path_ambiguous, token_*, origin_refused
 */
function receiveForward(
  req: IncomingMessage,
  id: string,
  { door, clock }: ForwardDeps,
): { readonly arrived: Omit<Arrived, 'target'>; readonly asked: Asked; readonly bearer: string } {
  const { method = '', url = '', rawHeaders } = req
  const head = readCurrent(req, door)
  if (method === 'TRACE' || method === 'CONNECT') throw new SallyportError('method_refused')
  const { asked, base } = readUrl(url)
  const host = readAuthority(head.host ?? '')
  if (host === undefined || !same(withoutDefault(host, asked.scheme), asked.authority))
    throw new SallyportError('host_mismatch')
  if (carriesToken(asked.query)) throw new SallyportError('token_ambiguous')
  const bearer = readProxyToken(rawHeaders, head.authorization)
  const { chunked, length, trace } = head
  return {
    bearer,
    asked,
    arrived: {
      id,
      at: clock.monotonic(),
      method,
      head: leavingOf(head, bearer, url),
      egress: base,
      forward: true,
      chunked,
      length,
      trace,
    },
  }
}

const urlForm = /^(https?):\/\/([^/?#\\]+)(\/[^?#]*)?(\?.*)?$/i

/** `base` is scheme and authority as they were written, for answers. @throws request_malformed, path_ambiguous */
function readUrl(url: string): { readonly asked: Asked; readonly base: string } {
  const [, written = '', place = '', path = '/', query = ''] = urlForm.exec(url) ?? []
  const authority = readAuthority(place)
  if (authority === undefined) throw new SallyportError('request_malformed')
  checkQuery(query)
  const scheme = written.toLowerCase() as Scheme
  return {
    asked: { scheme, authority: withoutDefault(authority, scheme), path: normalisePath(path), query },
    base: `${scheme}://${place.toLowerCase()}`,
  }
}

function same(one: Authority, other: Authority): boolean {
  return one.host === other.host && one.port === other.port
}

/**
 * What a URL or a path of the egress asks for, without anybody asking.
 * @throws request_malformed, path_ambiguous, token_ambiguous, not_found, forward_unknown, forward_ambiguous
 */
export function targetOf(url: string, server: string, policy: Policy): Target {
  const target = isForward(url) ? locate(readUrl(url).asked, server, policy) : readTarget(url)
  if (target === undefined) throw new SallyportError('not_found')
  if (carriesToken(target.query)) throw new SallyportError('token_ambiguous')
  return target
}

/**
 * The downstream at a URL: of those that the server may use, the one with the longest path before it.
 * @throws forward_unknown, forward_ambiguous
 */
function locate(asked: Asked, server: string, policy: Policy): Target {
  const { path, query } = asked
  let found: Downstream | undefined
  let twice = false
  for (const name of policy.reachable(server)) {
    const downstream = policy.downstream(name)
    if (downstream === undefined || !isAt(downstream, asked)) continue
    const longer = downstream.basePath.length - (found?.basePath.length ?? -1)
    if (longer < 0) continue
    twice = longer === 0
    found = downstream
  }
  if (found === undefined) throw new SallyportError('forward_unknown')
  if (twice) throw new SallyportError('forward_ambiguous')
  const rest = path.slice(found.basePath.length)
  return rest === ''
    ? { downstream: found.name, path: '/', query, bare: true }
    : { downstream: found.name, path: rest, query }
}

/**
 * `http` stands for whatever the downstream is configured with, since a client asks a proxy in this form for nothing
 * else; `https` asks for TLS. A port that is not written is the default of either; one that is has to be the very one.
 */
function isAt({ origin, basePath }: Downstream, { scheme, authority, path }: Asked): boolean {
  const at = new URL(origin)
  const own = at.protocol === 'https:' ? 'https' : 'http'
  if (at.hostname !== authority.host || (scheme === 'https' && own === 'http')) return false
  const port = at.port === '' ? undefined : Number(at.port)
  const agrees = authority.port === port || authority.port === (port ?? defaultPort[own])
  return agrees && (path === basePath || path.startsWith(`${basePath}/`))
}
