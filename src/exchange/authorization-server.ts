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
import { type ClientMethod, clientAuthentication, methodAt } from './client-authentication.ts'
import type { TokenAnswer, TokenRequest } from './flavours/flavour.ts'
import { isLocal } from './local-url.ts'
import type { Registration } from './registration.ts'
import { standardAnswers } from './providers/standard-answers.ts'
import { callTimeout } from './call-timeout.ts'
import { allowClearHttp, createMetadata, type MetadataOf } from './server-metadata.ts'

/**
 * The transport to authorization servers, through openid-client and the guarded fetch. Errors are the library's own:
 * `classify` reads them.
 */
export interface AuthorizationServers {
  readonly metadata: MetadataOf
  /** @throws exchange_unavailable where discovery took until after `latest`, by the monotonic clock: nothing was sent then */
  token(at: Registration, request: TokenRequest, latest?: Millis): Promise<TokenAnswer>
  /** RFC 7009. `already_invalid` where the server says so, `unsupported` where it has no revocation endpoint. */
  revoke(at: Registration, token: Secret, hint: 'refresh_token' | 'access_token'): Promise<ProviderOutcome>
}

const secretMembers: ReadonlySet<string> = new Set(['access_token', 'refresh_token', 'id_token'])

type Granted = openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers

/** The access token wrapped at once, with what it says beside it. */
function answerOf(body: Granted, { linked }: Registration): TokenAnswer {
  const { access_token: accessToken, refresh_token: refreshToken, scope, expires_in: expiresIn } = body
  const issuedTokenType = body['issued_token_type']
  // RFC 6750 §2.1, and the `!` of Salesforce: anything else could break out of the header it is put in.
  if (!/^[\w.~+/!-]+=*$/.test(accessToken)) throw new MalformedToken('not a bearer token')
  // A token of a provider is for its own API to read, whatever it looks like.
  const claims = linked?.provider === undefined ? readClaims(accessToken) : undefined
  const identity = body.claims()
  return {
    accessToken: new Secret(accessToken, 'access token'),
    tokenType: body.token_type,
    ...(claims === undefined ? {} : { claims }),
    ...(typeof issuedTokenType === 'string' ? { issuedTokenType } : {}),
    ...(expiresIn === undefined ? {} : { expiresIn }),
    ...(scope === undefined ? {} : { scope }),
    ...(refreshToken === undefined ? {} : { refreshToken: new Secret(refreshToken, 'refresh token') }),
    ...(identity === undefined ? {} : { identity }),
    more: Object.fromEntries(Object.entries(body).filter(([name]) => !secretMembers.has(name))),
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

function grant(config: openid.Configuration, request: TokenRequest): Promise<Granted> {
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
  const metadataOf = createMetadata(deps)
  const authentications = new WeakMap<OAuthClient, Map<ClientMethod, Promise<openid.ClientAuth>>>()

  function authenticationOf(client: OAuthClient, method: ClientMethod): Promise<openid.ClientAuth> {
    const known = authentications.get(client) ?? new Map<ClientMethod, Promise<openid.ClientAuth>>()
    authentications.set(client, known)
    const made = known.get(method) ?? clientAuthentication(client, method)
    known.set(method, made)
    return made
  }

  async function configure(at: Registration): Promise<openid.Configuration> {
    const { issuer, client, linked } = at
    const metadata = await metadataOf(at)
    const authentication = await authenticationOf(client, methodAt(at, metadata))
    const config = new openid.Configuration(metadata, client.id, undefined, authentication)
    const answer = linked?.provider?.answer
    config[openid.customFetch] = answer === undefined ? fetch : standardAnswers(fetch, answer)
    config.timeout = callTimeout
    if (isLocal(new URL(issuer))) allowClearHttp(config)
    return config
  }

  return {
    metadata: metadataOf,
    async token(at, request, latest) {
      const config = await configure(at)
      if (latest !== undefined && deps.clock.monotonic() > latest)
        throw new SallyportError('exchange_unavailable')
      return answerOf(await grant(config, request), at)
    },
    revoke: async (at, token, hint) => revoke(await configure(at), token, hint),
  }
}
