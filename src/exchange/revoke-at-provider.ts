import { ResponseBodyError } from 'openid-client'
import type { GrantPlace, ProviderOutcome, Secret } from '../model/index.ts'
import type { AuthorizationServers, Registration } from './authorization-server.ts'
import type { ExchangeDeps, ExchangeSlice } from './deps.ts'

/** What the answers of a revocation endpoint that are no success mean (RFC 7009 §2.2.1). */
const outcomes: Readonly<Record<string, ProviderOutcome>> = {
  unsupported_token_type: 'unsupported',
  invalid_token: 'already_invalid',
  invalid_grant: 'already_invalid',
}

/** Ask a server to revoke a refresh token. Never throws; `failed` is worth trying again. */
export async function revokeToken(
  at: Registration,
  token: Secret,
  deps: { readonly servers: AuthorizationServers } & Pick<ExchangeDeps, 'log'>,
): Promise<ProviderOutcome> {
  try {
    return await deps.servers.revoke(at, token, 'refresh_token')
  } catch (error) {
    deps.log.warn('a revocation at the provider failed', { issuer: at.issuer }, error)
    const known = error instanceof ResponseBodyError && Object.hasOwn(outcomes, error.error)
    return known ? (outcomes[error.error] ?? 'failed') : 'failed'
  }
}

/** The same for a stored connection: its downstream says where it came from. */
export async function revokeAtProvider(
  place: GrantPlace,
  token: Secret,
  deps: { readonly servers: AuthorizationServers; readonly slice: ExchangeSlice } & Pick<ExchangeDeps, 'log'>,
): Promise<ProviderOutcome> {
  const source = deps.slice.downstream(place.downstream)?.credential
  return source?.kind === 'exchange' ? revokeToken(source, token, deps) : 'unsupported'
}
