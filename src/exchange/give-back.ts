import type { GrantPlace, Secret } from '../model/index.ts'
import type { AuthorizationServers, Registration } from './authorization-server.ts'
import type { ExchangeDeps } from './deps.ts'
import { revokeToken } from './revoke-at-provider.ts'

/** A refresh token that must not be kept, and where it came from. */
export interface GivenBack {
  readonly place: GrantPlace
  readonly at: Registration
}

/** Revoke it at the provider. Returns at once, never throws. */
export type GiveBack = (from: GivenBack, token: Secret) => void

/** At once where the provider answers; else it is sealed, and the provider is asked again until it does. */
export function createGiveBack(
  deps: Pick<ExchangeDeps, 'log' | 'revokeLater'> & { readonly servers: AuthorizationServers },
): GiveBack {
  const { log, revokeLater } = deps
  async function giveBack({ place, at }: GivenBack, token: Secret): Promise<void> {
    const outcome = await revokeToken(at, token, deps)
    if (outcome === 'failed') await revokeLater(place, token)
  }
  return (from, token) => {
    giveBack(from, token).catch((error: unknown) => {
      log.error('a refresh token that must not be kept is still good at its provider', {}, error)
    })
  }
}
