import type { CustomFetch } from 'openid-client'
import { type Downstream, SallyportError } from '../../model/index.ts'
import { isLocal } from '../local-url.ts'
import { callTimeout } from '../call-timeout.ts'
import { getJson } from '../server-metadata.ts'

/** What a protected resource says of itself (RFC 9728 §2), as far as it is looked at. */
export interface ProtectedResource {
  readonly issuer: string
  /** The scopes that it wants now, else those that it lists. */
  readonly scopes?: readonly string[]
}

const misconfigured = (field: string): SallyportError =>
  new SallyportError('exchange_misconfigured', { field })

const parameter = (challenge: string, name: string): string | undefined =>
  new RegExp(`(?:^|[ ,])${name}="([^"]*)"`).exec(challenge)?.[1]

/** The challenge of an unauthenticated request, where it names its metadata (RFC 9728 §5.1). */
async function challengeOf(url: string, fetch: CustomFetch): Promise<string> {
  const response = await fetch(url, {
    method: 'GET',
    headers: { accept: 'application/json, text/event-stream' },
    redirect: 'manual',
    body: undefined,
    signal: AbortSignal.timeout(callTimeout * 1000),
  })
  return response.status === 401 ? (response.headers.get('www-authenticate') ?? '') : ''
}

/** Where the metadata may lie, in order: where the challenge says, below the well-known path, at the root. */
function candidates(url: URL, challenge: string): readonly string[] {
  const named = parameter(challenge, 'resource_metadata')
  const path = url.pathname.replace(/\/$/, '')
  const known = `${url.origin}/.well-known/oauth-protected-resource`
  // Only the downstream itself says who its authorization server is.
  const own = named !== undefined && URL.parse(named)?.origin === url.origin ? [named] : []
  if (named !== undefined && own.length === 0) throw misconfigured('resource_metadata')
  return [...own, ...(path === '' ? [] : [`${known}${path}`]), known]
}

const textsOf = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined

/**
 * Asks a downstream who its authorization server is. It has to speak of the very URL that is called, or it is not
 * believed (RFC 9728 §3.3). @throws exchange_misconfigured, and what the fetch throws
 */
export async function protectedResource(
  { origin, basePath }: Pick<Downstream, 'origin' | 'basePath'>,
  fetch: CustomFetch,
): Promise<ProtectedResource> {
  const url = new URL(origin + basePath)
  const challenge = await challengeOf(url.href, fetch)
  for (const place of candidates(url, challenge)) {
    const document = await getJson(place, fetch)
    if (document === undefined) continue
    const { resource, authorization_servers: servers, scopes_supported: listed } = document
    if (resource !== origin + basePath && resource !== url.href) throw misconfigured('resource')
    const issuer = textsOf(servers)?.find((server) => {
      const at = URL.parse(server)
      return at !== null && (at.protocol === 'https:' || isLocal(at))
    })
    if (issuer === undefined) throw misconfigured('authorization_servers')
    const wanted = parameter(challenge, 'scope')
      ?.split(' ')
      .filter((scope) => scope !== '')
    const scopes = wanted ?? textsOf(listed)
    return { issuer, ...(scopes === undefined ? {} : { scopes }) }
  }
  throw misconfigured('resource_metadata')
}
