import { SallyportError } from '../model/index.ts'
import { idJag, idJagGrant, jwtBearer } from './flavours/assertion.ts'
import { entraObo } from './flavours/entra.ts'
import type { Issued } from './flavours/flavour.ts'
import { type SubjectAsk, tokenExchange } from './flavours/token-exchange.ts'
import type { RequestToken } from './grant-request.ts'

/** A person's token for one of the downstream, in the way that its configuration says. @throws exchange_*, interaction_required */
export async function exchangeSubject(ask: SubjectAsk, requestToken: RequestToken): Promise<Issued> {
  const { source } = ask
  switch (source.flavour ?? 'token-exchange') {
    case 'token-exchange':
      return requestToken(tokenExchange, ask, source)
    case 'entra-obo':
      return requestToken(entraObo, ask, source)
    case 'jwt-bearer':
      return requestToken(jwtBearer, ask, source)
    case 'id-jag': {
      const { at } = source
      if (at === undefined) throw new SallyportError('exchange_misconfigured', { field: 'at' })
      // A new one for each token: the server that takes it has to refuse it the second time.
      const { assertion } = await requestToken(idJag, ask, source)
      return requestToken(idJagGrant, { ...ask, assertion }, at)
    }
  }
}
