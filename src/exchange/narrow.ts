import { type Downstream, type Principal, SallyportError } from '../model/index.ts'
import type { Broad, Issued, TokenSource } from './flavours/flavour.ts'
import { tokenExchange } from './flavours/token-exchange.ts'
import type { RequestToken } from './grant-request.ts'

const remedy = 'turn on token exchange for the client, or name the audience in extra_audiences'

/**
 * Exchange a token that names further audiences for one that names this downstream alone: what is injected must
 * open nothing else. Keycloak needs it after a refresh, which forgets the audience that the exchange asked for, and
 * for service accounts. Where the server cannot, the broad token is refused. @throws exchange_response_refused
 */
export async function narrowed(
  ask: {
    readonly source: TokenSource
    readonly downstream: Downstream
    readonly principal: Principal | undefined
  },
  { subject }: Broad,
  requestToken: RequestToken,
): Promise<Issued> {
  const { source } = ask
  try {
    return await requestToken(tokenExchange, { ...ask, subject, keep: false }, source)
  } catch (error) {
    if (error instanceof SallyportError && error.code === 'exchange_unavailable') throw error
    throw new SallyportError('exchange_response_refused', { field: 'aud', remedy }, error)
  }
}
