import * as openid from 'openid-client'
import { type Clock, type GuardedFetch, type Millis, SallyportError } from '../model/index.ts'
import type { Registration } from './registration.ts'
import { boundedFetch } from './bounded-fetch.ts'
import { callTimeout } from './call-timeout.ts'
import { isLocal } from './local-url.ts'
import { isObject } from './providers/provider.ts'

/** Metadata of authorization servers, found at the first need of an issuer and remembered for an hour. */
export type MetadataOf = (at: Registration) => Promise<openid.ServerMetadata>

const metadataLifetime = 3_600_000

// Marked as deprecated in the library only so that it stands out.
// eslint-disable-next-line @typescript-eslint/no-deprecated
export const allowClearHttp: (config: openid.Configuration) => void = openid.allowInsecureRequests

const misconfigured = (field: string, cause?: unknown): SallyportError =>
  new SallyportError('exchange_misconfigured', { field }, cause)

/** Metadata may send us to any https endpoint, but from a local issuer to clear HTTP on this machine at most. */
function checkEndpoints(metadata: openid.ServerMetadata): void {
  for (const endpoint of [metadata.token_endpoint, metadata.revocation_endpoint]) {
    if (endpoint === undefined) continue
    const url = URL.parse(endpoint)
    if (url === null || (url.protocol !== 'https:' && !isLocal(url))) throw misconfigured('token_endpoint')
  }
}

async function discover(issuer: string, fetch: openid.CustomFetch): Promise<openid.ServerMetadata> {
  const url = new URL(issuer)
  const options: openid.DiscoveryRequestOptions = {
    [openid.customFetch]: fetch,
    timeout: callTimeout,
    ...(isLocal(url) ? { execute: [allowClearHttp] } : {}),
  }
  const config = await openid
    .discovery(url, 'metadata', undefined, openid.None(), options)
    .catch((error: unknown) => {
      // A server without OpenID Connect has its metadata elsewhere (RFC 8414 §3).
      if (!(error instanceof openid.ClientError) || error.code !== 'OAUTH_RESPONSE_IS_NOT_CONFORM')
        throw error
      return openid.discovery(url, 'metadata', undefined, openid.None(), { ...options, algorithm: 'oauth2' })
    })
  const metadata = config.serverMetadata()
  // The library compares normalised URLs; an issuer is compared byte for byte (RFC 8414 §3.3).
  if (metadata.issuer !== issuer) throw misconfigured('issuer')
  checkEndpoints(metadata)
  return metadata
}

/** Where the metadata of an issuer may lie, in the order of MCP's authorization specification (2026-07-28). */
function candidates(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  const inserted = [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}/.well-known/openid-configuration${path}`,
  ]
  return path === '' ? inserted : [...inserted, `${origin}${path}/.well-known/openid-configuration`]
}

/** The first document that is there counts, also where it is wrong: another one could be somebody else's. */
async function discoverLinked(
  { issuer, linked }: Registration,
  fetch: openid.CustomFetch,
): Promise<openid.ServerMetadata> {
  for (const url of candidates(issuer)) {
    const document = await getJson(url, fetch)
    if (document === undefined) continue
    if (document['issuer'] !== issuer) throw misconfigured('issuer')
    const metadata = document as unknown as openid.ServerMetadata
    checkLinked(metadata, new Set([new URL(issuer).origin, ...(linked?.origins ?? [])]))
    return metadata
  }
  throw misconfigured('issuer')
}

/** The JSON object at a URL; undefined where there is none (any 4xx). */
export async function getJson(
  url: string,
  fetch: openid.CustomFetch,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const signal = AbortSignal.timeout(callTimeout * 1000)
  const headers = { accept: 'application/json' }
  const response = await fetch(url, { method: 'GET', headers, redirect: 'manual', body: undefined, signal })
  if (response.status >= 400 && response.status < 500) return undefined
  if (response.status !== 200) throw new TypeError('metadata was not answered')
  try {
    const document: unknown = await response.json()
    return isObject(document) ? document : undefined
  } catch {
    return undefined
  }
}

const endpointNames = [
  'authorization_endpoint',
  'token_endpoint',
  'revocation_endpoint',
  'registration_endpoint',
  'userinfo_endpoint',
] as const

/**
 * A document of strangers: its endpoints are at the origin of its issuer, or where the configuration says, and
 * proofs by S256 are taken (RFC 7636 §4.2), or nothing is begun.
 */
function checkLinked(metadata: openid.ServerMetadata, origins: ReadonlySet<string>): void {
  for (const name of endpointNames) {
    const endpoint = metadata[name]
    const needed = name === 'authorization_endpoint' || name === 'token_endpoint'
    if (endpoint === undefined && !needed) continue
    const url = typeof endpoint === 'string' ? URL.parse(endpoint) : null
    const known = url !== null && (url.protocol === 'https:' || isLocal(url)) && origins.has(url.origin)
    if (!known || url.username !== '' || url.hash !== '') throw misconfigured(name)
  }
  const methods = metadata.code_challenge_methods_supported
  if (!Array.isArray(methods) || !methods.includes('S256'))
    throw misconfigured('code_challenge_methods_supported')
}

/** The catalogue in place of metadata: what it does not say the provider does not do. */
function fromCatalogue({ issuer, linked }: Registration): openid.ServerMetadata | undefined {
  if (linked?.provider === undefined) return undefined
  const { authorization, token, revocation } = linked.provider.endpoints(issuer)
  return {
    issuer,
    authorization_endpoint: authorization,
    token_endpoint: token,
    ...(revocation === undefined ? {} : { revocation_endpoint: revocation }),
  }
}

export function createMetadata(deps: { readonly fetch: GuardedFetch; readonly clock: Clock }): MetadataOf {
  const fetch = boundedFetch(deps.fetch)
  const known = new Map<string, { readonly at: Millis; readonly metadata: Promise<openid.ServerMetadata> }>()

  /** One discovery at a time per issuer; a failed one is not remembered. */
  return async (at) => {
    const catalogued = fromCatalogue(at)
    if (catalogued !== undefined) return catalogued
    const key = `${at.linked === undefined ? '' : 'linked '}${at.issuer}`
    const now = deps.clock.monotonic()
    const present = known.get(key)
    if (present !== undefined && now - present.at < metadataLifetime) return present.metadata
    const metadata = at.linked === undefined ? discover(at.issuer, fetch) : discoverLinked(at, fetch)
    const found = { at: now, metadata }
    known.set(key, found)
    metadata.catch(() => {
      if (known.get(key) === found) known.delete(key)
    })
    return metadata
  }
}
