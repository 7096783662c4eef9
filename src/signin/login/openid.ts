import * as openid from 'openid-client'
import { boundedFetch, clientAuthentication } from '../../exchange/index.ts'
import {
  type Clock,
  type GuardedFetch,
  type Millis,
  type OAuthClient,
  SallyportError,
  Secret,
} from '../../model/index.ts'
import type { Log } from '../../telemetry/index.ts'

/** What the IdP gave for a code, for whoever keeps it. */
export interface LoginTokens {
  readonly accessToken: Secret
  readonly refreshToken?: Secret
  /** Life of the access token in seconds, as the IdP says. */
  readonly expiresIn?: number
  readonly scope?: string
}

/** One round trip of a browser to the IdP: what it has to bring back, and what only we know. */
export interface RoundTrip {
  readonly state: string
  readonly nonce: string
  /** PKCE (RFC 7636). */
  readonly verifier: string
}

/** As the IdP sees fit; or the person has to show who they are again; or may take another account there. */
export type LoginHow = 'usual' | 'fresh' | 'choose'

const prompts: Readonly<Record<LoginHow, Record<string, string>>> = {
  usual: {},
  fresh: { prompt: 'login', max_age: '0' },
  choose: { prompt: 'select_account' },
}

/** The IdP, as its confidential client sees it. */
export interface Upstream {
  /** Where the browser is sent. @throws idp_unavailable, idp_metadata_refused */
  begin(trip: RoundTrip, how: LoginHow): Promise<URL>
  /**
   * Judges what the browser brought back and takes the code to the IdP.
   * @throws login_state_refused, login_failed, login_answer_refused, idp_unavailable
   */
  finish(
    callback: URL,
    trip: RoundTrip,
  ): Promise<{ readonly claims: Readonly<Record<string, unknown>>; readonly tokens: LoginTokens }>
}

export interface UpstreamSlice {
  readonly issuer: string
  readonly client: OAuthClient
  /** What discovery suggests, where it is left out. */
  readonly scope?: readonly string[]
  readonly algorithms: readonly string[]
  /** `{url}/login/callback`. */
  readonly redirect: string
}

export interface UpstreamDeps {
  readonly fetch: GuardedFetch
  /** Lets `fetch` reach an origin that the IdP's metadata names. @throws address_refused */
  readonly allowOrigin: (url: string) => void
  readonly clock: Clock
  readonly log: Log
}

/** Seconds until a call is given up. */
const callTimeout = 8
const metadataLifetime = 3_600_000

/** Nothing is asked before the first person comes; metadata and keys are remembered for an hour. */
export function createUpstream(slice: UpstreamSlice, deps: UpstreamDeps): Upstream {
  let known: { readonly at: Millis; readonly config: Promise<openid.Configuration> } | undefined

  const configuration = (): Promise<openid.Configuration> => {
    const now = deps.clock.monotonic()
    if (known !== undefined && now - known.at < metadataLifetime) return known.config
    const found = { at: now, config: discover(slice, deps) }
    known = found
    found.config.catch(() => {
      if (known === found) known = undefined
    })
    return found.config
  }
  return {
    begin: async (trip, how) => {
      const config = await configuration()
      return openid.buildAuthorizationUrl(config, {
        redirect_uri: slice.redirect,
        scope: scopeOf(slice.scope, config.serverMetadata()),
        state: trip.state,
        nonce: trip.nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(trip.verifier),
        code_challenge_method: 'S256',
        ...prompts[how],
      })
    },
    finish: async (callback, trip) => {
      const config = await configuration()
      checkSender(callback.searchParams, config.serverMetadata())
      const answer = await redeem(config, callback, trip).catch((error: unknown) => {
        throw failureOf(error, deps.log)
      })
      const claims = { ...answer.claims() }
      checkAlgorithm(answer.id_token, slice.algorithms)
      // OpenID Connect Core §3.1.3.7: whoever it was made for is us, also where it names one audience.
      if (claims['azp'] !== undefined && claims['azp'] !== slice.client.id)
        throw new SallyportError('login_answer_refused', { field: 'azp' })
      return { claims, tokens: tokensOf(answer) }
    },
  }
}

const redeem = (config: openid.Configuration, callback: URL, trip: RoundTrip) =>
  openid.authorizationCodeGrant(config, callback, {
    expectedState: trip.state,
    expectedNonce: trip.nonce,
    pkceCodeVerifier: trip.verifier,
    idTokenExpected: true,
  })

async function discover(slice: UpstreamSlice, deps: UpstreamDeps): Promise<openid.Configuration> {
  const url = new URL(slice.issuer)
  const local = isLocal(url)
  const customFetch = boundedFetch(deps.fetch)
  try {
    const config = await openid.discovery(
      url,
      slice.client.id,
      undefined,
      await clientAuthentication(slice.client),
      {
        [openid.customFetch]: customFetch,
        timeout: callTimeout,
        execute: [openid.enableNonRepudiationChecks, ...(local ? [allowClearHttp] : [])],
      },
    )
    checkMetadata(config.serverMetadata(), slice.issuer, deps)
    return config
  } catch (error) {
    deps.log.warn('the identity provider could not be asked', { issuer: slice.issuer }, error)
    if (error instanceof SallyportError) throw error
    throw new SallyportError(isAway(error) ? 'idp_unavailable' : 'idp_metadata_refused', {}, error)
  }
}

/**
 * The issuer is compared byte for byte (OpenID Connect Discovery §4.3), and every endpoint is https, or http on this
 * machine where the issuer is. @throws idp_metadata_refused
 */
function checkMetadata(metadata: openid.ServerMetadata, issuer: string, deps: UpstreamDeps): void {
  if (metadata.issuer !== issuer) throw new SallyportError('idp_metadata_refused', { field: 'issuer' })
  for (const name of ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const) {
    const url = URL.parse(metadata[name] ?? '')
    const local = url !== null && isLocal(url) && isLocal(new URL(issuer))
    if (url === null || (url.protocol !== 'https:' && !local) || url.username !== '' || url.password !== '')
      throw new SallyportError('idp_metadata_refused', { field: name })
    if (url.protocol === 'https:' && name !== 'authorization_endpoint') deps.allowOrigin(url.origin)
  }
}

const isLocal = (url: URL): boolean =>
  url.protocol === 'http:' && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname)

// Marked as deprecated in the library only so that it stands out.
// eslint-disable-next-line @typescript-eslint/no-deprecated
const allowClearHttp: (config: openid.Configuration) => void = openid.allowInsecureRequests

function scopeOf(
  configured: readonly string[] | undefined,
  { scopes_supported: listed }: openid.ServerMetadata,
): string {
  if (configured !== undefined) return [...new Set(['openid', ...configured])].join(' ')
  return listed?.includes('offline_access') === true ? 'openid profile offline_access' : 'openid profile'
}

/** An answer of another server than was asked is none (RFC 9207 §2.4), be it a code or an error. @throws login_state_refused */
function checkSender(answer: URLSearchParams, metadata: openid.ServerMetadata): void {
  const senders = answer.getAll('iss')
  const required = metadata.authorization_response_iss_parameter_supported === true
  if (
    senders.some((it) => it !== metadata.issuer) ||
    senders.length > 1 ||
    (required && senders.length === 0)
  )
    throw new SallyportError('login_state_refused')
}

/** What the person is told holds no word of the IdP or of the URL; the log has the code of the error. */
function failureOf(error: unknown, log: Log): SallyportError {
  if (error instanceof openid.AuthorizationResponseError) {
    const code = /^[a-z_]{1,60}$/.test(error.error) ? error.error : 'another error'
    log.warn('the identity provider signed nobody in', { error: code })
    return new SallyportError('login_failed', {}, error)
  }
  log.warn('a login could not be finished', {}, error)
  return new SallyportError(isAway(error) ? 'idp_unavailable' : 'login_answer_refused', {}, error)
}

/** Did no answer come at all, or one that says to come later? What the library has no code for, the network said. */
function isAway(error: unknown): boolean {
  if (error instanceof openid.ResponseBodyError) return error.status >= 500
  if (!(error instanceof openid.ClientError)) return false
  const { code, cause } = error
  if (code === 'OAUTH_RESPONSE_IS_NOT_CONFORM') return cause instanceof Response && cause.status >= 500
  return code === undefined || code === 'OAUTH_TIMEOUT' || code === 'OAUTH_ABORT'
}

/** @throws login_answer_refused */
function checkAlgorithm(idToken: string | undefined, algorithms: readonly string[]): void {
  const header = JSON.parse(Buffer.from(idToken?.split('.')[0] ?? '', 'base64url').toString()) as {
    readonly alg?: unknown
  }
  if (typeof header.alg !== 'string' || !algorithms.includes(header.alg))
    throw new SallyportError('login_answer_refused', { field: 'login.algorithms' })
}

function tokensOf(answer: openid.TokenEndpointResponse): LoginTokens {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn, scope } = answer
  return {
    accessToken: new Secret(accessToken, 'access token'),
    ...(refreshToken === undefined ? {} : { refreshToken: new Secret(refreshToken, 'refresh token') }),
    ...(expiresIn === undefined ? {} : { expiresIn }),
    ...(scope === undefined ? {} : { scope }),
  }
}
