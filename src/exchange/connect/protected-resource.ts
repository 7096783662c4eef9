import type { CustomFetch } from 'openid-client'
import { type Downstream, SallyportError } from '../../model/index.ts'
import { type Challenge, readChallenge } from '../challenge.ts'
import { isLocal } from '../local-url.ts'
import { callTimeout } from '../call-timeout.ts'
import { getJson } from '../server-metadata.ts'

/** What a protected resource says of itself (RFC 9728 §2), as far as it is looked at. */
export interface ProtectedResource {
  readonly issuer: string
  /** What it calls itself: what a token is asked for (RFC 8707 §2). */
  readonly resource: string
  /** The scopes that it wants now, else those that it lists. */
  readonly scopes?: readonly string[]
}

const misconfigured = (field: string): SallyportError =>
  new SallyportError('exchange_misconfigured', { field })

const revision = '2026-07-28'

/** An MCP endpoint may have nothing at GET: then it is asked what changes nothing, in the way of MCP. */
const question = {
  method: 'POST',
  headers: {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'mcp-protocol-version': revision,
    'mcp-method': 'tools/list',
  },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/list',
    params: {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': revision,
        'io.modelcontextprotocol/clientInfo': { name: 'sallyport', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  }),
}

/** One that speaks MCP does not begin an event stream for it. */
const plain = { method: 'GET', headers: { accept: 'application/json' }, body: undefined }

/** The challenge of an unauthenticated request, where there is one (RFC 9728 §5.1). */
async function challengeOf(url: string, fetch: CustomFetch): Promise<Challenge> {
  for (const request of [plain, question]) {
    const signal = AbortSignal.timeout(callTimeout * 1000)
    const { status, headers } = await fetch(url, { ...request, redirect: 'manual', signal })
    if (status === 401) return readChallenge(headers.get('www-authenticate') ?? '')
    if (status < 400 || status >= 500) return {}
  }
  return {}
}

/** A place where the metadata may lie, and what a document that lies there has to be about. */
interface Place {
  readonly at: string
  readonly about: readonly string[]
}

/**
 * In order: where the challenge says, below the well-known path, at the root. A document speaks of what its own
 * address was made from (RFC 9728 §3.3), so only the one at the root may speak of the whole origin.
 */
function places(url: URL, own: readonly string[], { metadata }: Challenge): readonly Place[] {
  const { origin } = url
  const path = url.pathname.replace(/\/$/, '')
  const known = `${origin}/.well-known/oauth-protected-resource`
  const root = { at: known, about: [...own, origin, `${origin}/`] }
  const all = path === '' ? [root] : [{ at: known + path, about: own }, root]
  if (metadata === undefined) return all
  // Only the downstream itself says who its authorization server is.
  if (URL.parse(metadata)?.origin !== origin) throw misconfigured('resource_metadata')
  return [{ at: metadata, about: own }, ...all]
}

const textsOf = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined

function read(
  document: Readonly<Record<string, unknown>>,
  { about }: Place,
  challenge: Challenge,
): ProtectedResource {
  const { resource, authorization_servers: servers, scopes_supported: listed } = document
  if (typeof resource !== 'string' || !about.includes(resource)) throw misconfigured('resource')
  const issuer = textsOf(servers)?.find((server) => {
    const at = URL.parse(server)
    return at !== null && (at.protocol === 'https:' || isLocal(at))
  })
  if (issuer === undefined) throw misconfigured('authorization_servers')
  const scopes = challenge.scopes ?? textsOf(listed)
  return { issuer, resource, ...(scopes === undefined ? {} : { scopes }) }
}

/**
 * Asks a downstream who its authorization server is. It has to speak of the very URL that is called, or it is not
 * believed. @throws exchange_misconfigured, and what the fetch throws
 */
export async function protectedResource(
  { origin, basePath }: Pick<Downstream, 'origin' | 'basePath'>,
  fetch: CustomFetch,
): Promise<ProtectedResource> {
  const url = new URL(origin + basePath)
  const challenge = await challengeOf(url.href, fetch)
  for (const place of places(url, [origin + basePath, url.href], challenge)) {
    const document = await getJson(place.at, fetch)
    if (document !== undefined) return read(document, place, challenge)
  }
  throw misconfigured('resource_metadata')
}
