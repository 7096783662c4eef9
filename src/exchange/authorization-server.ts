import * as openid from 'openid-client'
import {
  type Clock,
  type GuardedFetch,
  type Millis,
  type OAuthClient,
  type ProviderOutcome,
  SallyportError,
  Secret,
} from '../model/index.ts'
import { boundedFetch } from './bounded-fetch.ts'
import { MalformedToken, readClaims } from './claims.ts'
import { clientAuthentication } from './client-authentication.ts'
import type { TokenAnswer, TokenRequest } from './flavours/flavour.ts'

/** One client of ours at one authorization server. */
export interface Registration {
  readonly issuer: string
  readonly client: OAuthClient
}

/**
 * The transport to authorization servers, through openid-client and the guarded fetch. Discovery happens at the
 * first token call of an issuer and is remembered. Errors are the library's own: `classify` reads them.
 */
export interface AuthorizationServers {
  /** @throws exchange_unavailable where discovery took until after `latest`, by the monotonic clock: nothing was sent then */
  token(at: Registration, request: TokenRequest, latest?: Millis): Promise<TokenAnswer>
  /** RFC 7009. `already_invalid` where the server says so, `unsupported` where it has no revocation endpoint. */
  revoke(at: Registration, token: Secret, hint: 'refresh_token' | 'access_token'): Promise<ProviderOutcome>
}

/** Seconds until a call is given up; a refresh claim lasts longer. */
export const callTimeout = 8
const metadataLifetime = 3_600_000

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Clear HTTP is for an issuer on this machine only. */
function isLocal(url: URL): boolean {
  return url.protocol === 'http:' && loopback.test(url.hostname)
}

// Marked as deprecated in the library only so that it stands out.
// eslint-disable-next-line @typescript-eslint/no-deprecated
const allowClearHttp: (config: openid.Configuration) => void = openid.allowInsecureRequests

/** Metadata may send us to any https endpoint, but from a local issuer to clear HTTP on this machine at most. */
function checkEndpoints(metadata: openid.ServerMetadata): void {
  for (const endpoint of [metadata.token_endpoint, metadata.revocation_endpoint]) {
    if (endpoint === undefined) continue
    const url = URL.parse(endpoint)
    if (url === null || (url.protocol !== 'https:' && !isLocal(url))) {
      throw new SallyportError('exchange_misconfigured', { field: 'token_endpoint' })
    }
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
  if (metadata.issuer !== issuer) throw new SallyportError('exchange_misconfigured', { field: 'issuer' })
  checkEndpoints(metadata)
  return metadata
}

/** The access token wrapped at once, with what it says beside it. */
function answerOf(body: openid.TokenEndpointResponse): TokenAnswer {
  const { access_token: accessToken, refresh_token: refreshToken, scope, expires_in: expiresIn } = body
  const issuedTokenType = body['issued_token_type']
  // RFC 6750 §2.1: anything else could break out of the header it is put in.
  if (!/^[\w.~+/-]+=*$/.test(accessToken)) throw new MalformedToken('not a bearer token')
  const claims = readClaims(accessToken)
  return {
    accessToken: new Secret(accessToken, 'access token'),
    tokenType: body.token_type,
    ...(claims === undefined ? {} : { claims }),
    ...(typeof issuedTokenType === 'string' ? { issuedTokenType } : {}),
    ...(expiresIn === undefined ? {} : { expiresIn }),
    ...(scope === undefined ? {} : { scope }),
    ...(refreshToken === undefined ? {} : { refreshToken: new Secret(refreshToken, 'refresh token') }),
  }
}

/** The form of a token request: here its secrets leave for the token endpoint. */
function formOf(request: TokenRequest): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of request.parameters) {
    form.append(name, typeof value === 'string' ? value : value.reveal())
  }
  return form
}

function grant(config: openid.Configuration, request: TokenRequest): Promise<openid.TokenEndpointResponse> {
  const form = formOf(request)
  if (request.grantType === 'client_credentials') return openid.clientCredentialsGrant(config, form)
  if (request.grantType !== 'refresh_token')
    return openid.genericGrantRequest(config, request.grantType, form)
  const refreshToken = form.get('refresh_token') ?? ''
  form.delete('refresh_token')
  return openid.refreshTokenGrant(config, refreshToken, form)
}

/** RFC 7009 §2.2 answers 200 for a token that was invalid already; Keycloak says so in the body. */
function saysInvalid(body: string): boolean {
  try {
    const { error } = JSON.parse(body) as { error?: unknown }
    return error === 'invalid_token'
  } catch {
    return false
  }
}

async function revoke(config: openid.Configuration, token: Secret, hint: string): Promise<ProviderOutcome> {
  if (config.serverMetadata().revocation_endpoint === undefined) return 'unsupported'
  const { [openid.customFetch]: fetch } = config
  let said = ''
  config[openid.customFetch] = async (url, options) => {
    const response = await (fetch as openid.CustomFetch)(url, options)
    said = await response.clone().text()
    return response
  }
  await openid.tokenRevocation(config, token.reveal(), { token_type_hint: hint })
  return saysInvalid(said) ? 'already_invalid' : 'revoked'
}

export function createAuthorizationServers(deps: {
  readonly fetch: GuardedFetch
  readonly clock: Clock
}): AuthorizationServers {
  const fetch = boundedFetch(deps.fetch)
  const known = new Map<string, { readonly at: Millis; readonly metadata: Promise<openid.ServerMetadata> }>()
  const authentications = new WeakMap<OAuthClient, Promise<openid.ClientAuth>>()

  /** One discovery at a time per issuer; a failed one is not remembered. */
  function metadataOf(issuer: string): Promise<openid.ServerMetadata> {
    const now = deps.clock.monotonic()
    const present = known.get(issuer)
    if (present !== undefined && now - present.at < metadataLifetime) return present.metadata
    const found = { at: now, metadata: discover(issuer, fetch) }
    known.set(issuer, found)
    found.metadata.catch(() => {
      if (known.get(issuer) === found) known.delete(issuer)
    })
    return found.metadata
  }

  function authenticationOf(client: OAuthClient): Promise<openid.ClientAuth> {
    const present = authentications.get(client)
    if (present !== undefined) return present
    const made = clientAuthentication(client)
    authentications.set(client, made)
    return made
  }

  async function configure({ issuer, client }: Registration): Promise<openid.Configuration> {
    const [metadata, authentication] = await Promise.all([metadataOf(issuer), authenticationOf(client)])
    const config = new openid.Configuration(metadata, client.id, undefined, authentication)
    config[openid.customFetch] = fetch
    config.timeout = callTimeout
    if (isLocal(new URL(issuer))) allowClearHttp(config)
    return config
  }

  return {
    async token(at, request, latest) {
      const config = await configure(at)
      if (latest !== undefined && deps.clock.monotonic() > latest)
        throw new SallyportError('exchange_unavailable')
      return answerOf(await grant(config, request))
    },
    revoke: async (at, token, hint) => revoke(await configure(at), token, hint),
  }
}
