import { type GuardedFetch, SallyportError } from '../model/index.ts'
import { type Claims, isObject } from './compact.ts'

/** Larger documents are no metadata. In characters. */
const maxDocument = 512 * 1024

/**
 * Reads one JSON object. A provider that cannot be reached, or that answers 429 or 5xx, is unavailable; whatever
 * else is not 200 with a JSON object is unusable. Redirects are not followed. `within` ends the waiting.
 * @throws idp_unavailable, idp_metadata_refused
 */
export async function fetchDocument(url: string, fetch: GuardedFetch, within: AbortSignal): Promise<Claims> {
  let status: number
  let text: string
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      redirect: 'manual',
      signal: within,
    })
    status = response.status
    text = await response.text()
  } catch (error) {
    throw new SallyportError('idp_unavailable', {}, error)
  }
  if (status === 429 || status >= 500) throw new SallyportError('idp_unavailable')
  if (status !== 200 || text.length > maxDocument) throw new SallyportError('idp_metadata_refused')
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw new SallyportError('idp_metadata_refused', {}, error)
  }
  if (!isObject(document)) throw new SallyportError('idp_metadata_refused')
  return document
}

/**
 * Where an issuer's keys are. Both well-known forms are tried, OIDC's suffix first (Keycloak, Okta, Entra), then
 * the path-inserted ones (RFC 8414 §3.1). A document counts only if its `issuer` is the issuer byte for byte
 * (RFC 8414 §3.3), and keys of an https issuer are read over https only.
 * @throws idp_unavailable, idp_metadata_refused
 */
export async function discoverKeys(
  issuer: string,
  fetch: GuardedFetch,
  within: AbortSignal,
): Promise<string> {
  let failure = new SallyportError('idp_metadata_refused')
  for (const url of wellKnown(issuer)) {
    try {
      const document = await fetchDocument(url, fetch, within)
      if (document['issuer'] === issuer) return keysOf(document, issuer)
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error
      if (error.code === 'idp_unavailable') failure = error
    }
  }
  throw failure
}

/** @throws idp_metadata_refused for an issuer that is no URL */
export function wellKnown(issuer: string): readonly string[] {
  if (!URL.canParse(issuer)) throw new SallyportError('idp_metadata_refused')
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    ...new Set([
      `${origin}${path}/.well-known/openid-configuration`,
      `${origin}/.well-known/oauth-authorization-server${path}`,
      `${origin}/.well-known/openid-configuration${path}`,
    ]),
  ]
}

function keysOf(document: Claims, issuer: string): string {
  const uri = document['jwks_uri']
  if (typeof uri !== 'string' || !URL.canParse(uri)) throw new SallyportError('idp_metadata_refused')
  const { protocol, username, password } = new URL(uri)
  const allowed = protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'))
  if (!allowed || username !== '' || password !== '') throw new SallyportError('idp_metadata_refused')
  return uri
}
