import type { Clock, GrantPlace, GuardedFetch } from '../model/index.ts'
import type { AuthorizationServers } from './authorization-server.ts'
import type { Registration } from './registration.ts'
import type { ExchangeDeps } from './deps.ts'
import type { Tokens } from './providers/provider.ts'
import { sealable } from './revocable.ts'
import { revokeTokens } from './revoke-at-provider.ts'

/** Tokens that must not be kept, and where they came from. */
export interface GivenBack {
  readonly place: GrantPlace
  readonly at: Registration
}

/** Revoke them at the provider. Returns at once, never throws. */
export type GiveBack = (from: GivenBack, tokens: Tokens) => void

/** At once where the provider answers; else it is sealed, and the provider is asked again until it does. */
export function createGiveBack(
  deps: Pick<ExchangeDeps, 'log' | 'revokeLater'> & {
    readonly servers: AuthorizationServers
    readonly fetch: GuardedFetch
    readonly clock: Clock
  },
): GiveBack {
  const { log, revokeLater } = deps
  async function giveBack({ place, at }: GivenBack, tokens: Tokens): Promise<void> {
    const { outcome } = await revokeTokens(at, tokens, deps)
    if (outcome === 'failed') await revokeLater(place, sealable(tokens))
  }
  return (from, tokens) => {
    giveBack(from, tokens).catch((error: unknown) => {
      log.error('tokens that must not be kept are still good at their provider', {}, error)
    })
  }
}
