import type { Downstream, Principal, Secret } from '../../model/index.ts'
import { checkBroadAnswer } from '../check-answer.ts'
import type { Broad, ExchangeSource, Flavour, Issued } from './flavour.ts'
import { expectedOf } from './token-exchange.ts'

/** The refresh of an exchanged token that is kept as a stored connection. */
export interface RefreshAsk {
  readonly source: ExchangeSource
  readonly downstream: Downstream
  readonly principal: Principal
  readonly refreshToken: Secret
  /** What was granted; a refresh may narrow it, never widen it (RFC 6749 §6). */
  readonly scopes: readonly string[]
}

/**
 * Refreshing an access token (RFC 6749 §6), judged like the exchange that it follows. Keycloak forgets the audience
 * of the exchange here, so a broad token is expected.
 */
export const refreshToken: Flavour<RefreshAsk, Issued | Broad> = {
  grant: 'refresh-token',
  prepare({ refreshToken: token }) {
    return { grantType: 'refresh_token', parameters: [['refresh_token', token]] }
  },
  interpret(ask, answer, now) {
    const { scopes, principal } = ask
    return checkBroadAnswer(answer, { ...expectedOf(ask), scopes, sub: principal.subject }, now)
  },
}
