import type { Exchange } from './exchange/index.ts'
import type { Horizon } from './revocation/index.ts'

/** Remembers until when what is injected works, for receipts. */
export function withHorizon(
  exchange: Exchange,
  horizon: Horizon,
): Pick<Exchange, 'acquire' | 'refused' | 'wants'> {
  type Acquire = Exchange['acquire']
  const note = (need: Parameters<Acquire>[0], credential: Awaited<ReturnType<Acquire>>) => {
    if (credential.expiresAt === undefined) return credential
    const { principal, client, server, sid } = need.access.session
    horizon.note({ principal, client, server, sid, downstream: need.downstream.name }, credential.expiresAt)
    return credential
  }
  return {
    refused: exchange.refused,
    wants: exchange.wants,
    acquire: (need) => {
      const credential = exchange.acquire(need)
      return credential instanceof Promise ? credential.then((it) => note(need, it)) : note(need, credential)
    },
  }
}
