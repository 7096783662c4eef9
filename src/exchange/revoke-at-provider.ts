import { ResponseBodyError } from 'openid-client'
import {
  type Clock,
  type GrantPlace,
  type GuardedFetch,
  type ProviderAnswer,
  type ProviderOutcome,
  type Secret,
  linkedSourceOf,
} from '../model/index.ts'
import type { AuthorizationServers } from './authorization-server.ts'
import type { Registration } from './registration.ts'
import type { Registrations } from './connect/registrations.ts'
import type { ExchangeDeps, ExchangeSlice } from './deps.ts'
import { loginGroup } from './login/place.ts'
import { callProvider } from './providers/call.ts'
import type { Provider, Tokens } from './providers/provider.ts'
import { tokensIn } from './revocable.ts'

/** What the answers of a revocation endpoint that are no success mean (RFC 7009 §2.2.1). */
const outcomes: Readonly<Record<string, ProviderOutcome>> = {
  unsupported_token_type: 'unsupported',
  invalid_token: 'already_invalid',
  invalid_grant: 'already_invalid',
}

export interface RevokeTokenDeps extends Pick<ExchangeDeps, 'log'> {
  readonly servers: Pick<AuthorizationServers, 'revoke'>
  readonly fetch: GuardedFetch
  readonly clock: Clock
}

async function revokeStandard(
  at: Registration,
  tokens: Tokens,
  deps: RevokeTokenDeps,
): Promise<ProviderOutcome> {
  const { rt, at: accessToken } = tokens
  const asked: ProviderOutcome[] = []
  if (rt !== undefined) asked.push(await deps.servers.revoke(at, rt, 'refresh_token'))
  // Whether access tokens go with the refresh token is the server's to choose (RFC 7009 §2.1).
  if (accessToken !== undefined && asked[0] !== 'unsupported')
    asked.push(await orOutcome(deps.servers.revoke(at, accessToken, 'access_token')))
  return asked[0] ?? 'unsupported'
}

/** The answer for an access token changes nothing where the refresh token is gone. */
async function orOutcome(asked: Promise<ProviderOutcome>): Promise<ProviderOutcome> {
  try {
    return await asked
  } catch (error) {
    return outcomeOf(error)
  }
}

function outcomeOf(error: unknown): ProviderOutcome {
  const known = error instanceof ResponseBodyError && Object.hasOwn(outcomes, error.error)
  return known ? (outcomes[error.error] ?? 'failed') : 'failed'
}

async function revokeByCall(
  at: Registration,
  tokens: Tokens,
  { call, read }: Extract<Provider['revocation'], { kind: 'call' }>,
  deps: RevokeTokenDeps,
): Promise<ProviderOutcome> {
  const { issuer, client } = at
  const request = call(tokens, { issuer, clientId: client.id, now: deps.clock.now() })
  if (request === undefined) return 'unsupported'
  const { status, body } = await callProvider(request, client, deps.fetch)
  return read(status, body)
}

/** Ask a server to revoke tokens of ours, the refresh token first. Never throws; `failed` is worth trying again. */
export async function revokeTokens(
  at: Registration,
  tokens: Tokens,
  deps: RevokeTokenDeps,
): Promise<ProviderAnswer> {
  const { provider } = at.linked ?? {}
  const remains = provider === undefined ? {} : { remains: provider.remains }
  const way = provider?.revocation ?? { kind: 'standard' }
  if (way.kind === 'none') return { outcome: 'unsupported', ...remains }
  try {
    const outcome =
      way.kind === 'call' ? await revokeByCall(at, tokens, way, deps) : await revokeStandard(at, tokens, deps)
    return { outcome, ...remains }
  } catch (error) {
    deps.log.warn('a revocation at the provider failed', { issuer: at.issuer }, error)
    return { outcome: outcomeOf(error), ...remains }
  }
}

/** The same for a stored connection: its downstream says where it came from. Never throws. */
export async function revokeAtProvider(
  place: GrantPlace,
  sealed: Secret,
  deps: RevokeTokenDeps & { readonly slice: ExchangeSlice; readonly registrations: Registrations },
): Promise<ProviderAnswer> {
  if (place.group === loginGroup) {
    const { login } = deps.slice
    return login === undefined ? { outcome: 'unsupported' } : revokeTokens(login, tokensIn(sealed), deps)
  }
  const downstream = deps.slice.downstream(place.downstream)
  const source = downstream?.credential
  if (downstream === undefined || source === undefined) return { outcome: 'unsupported' }
  if (linkedSourceOf(downstream) === undefined)
    return source.kind === 'exchange'
      ? revokeTokens(source, tokensIn(sealed), deps)
      : { outcome: 'unsupported' }
  try {
    return await revokeTokens(await deps.registrations.of(downstream), tokensIn(sealed), deps)
  } catch (error) {
    deps.log.warn('a revocation at the provider failed', { downstream: downstream.name }, error)
    return { outcome: 'failed' }
  }
}
