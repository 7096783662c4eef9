import type { Downstream, Principal, Secret } from '../../model/index.ts'
import { checkAnswer } from '../check-answer.ts'
import type { ExchangeSource, Flavour } from './flavour.ts'
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

/** Refreshing an access token (RFC 6749 §6), judged like the exchange that it follows. */
export const refreshToken: Flavour<RefreshAsk> = {
  grant: 'refresh-token',
  prepare({ refreshToken: token }) {
    return { grantType: 'refresh_token', parameters: [['refresh_token', token]] }
  },
  interpret(ask, answer, now) {
    return checkAnswer(answer, expectedOf(ask), now)
  },
}
