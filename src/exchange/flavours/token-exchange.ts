import { type Downstream, type Principal, SallyportError } from '../../model/index.ts'
import { checkAnswer, type Expected } from '../check-answer.ts'
import type { Subject } from '../subject-source.ts'
import type { ExchangeSource, Flavour } from './flavour.ts'
import { targetNames, targetOf, targetParameters } from './target.ts'

const type = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`

/** A subject token to be exchanged for one of this downstream. */
export interface ExchangeAsk {
  readonly source: ExchangeSource
  readonly downstream: Downstream
  readonly principal: Principal
  readonly subject: Subject
  /** Ask for a refresh token besides, to be kept as a stored connection. */
  readonly keep: boolean
}

/** Scopes about who the person is, not about what may be done (OIDC Core §5.4). */
const identityScopes = ['openid', 'profile', 'email', 'address', 'phone']

/**
 * What may be granted: what was asked for, and identity scopes that the subject token had already, because
 * servers add their clients' default scopes to every token. Where nothing was asked: what the subject token had.
 */
function grantable(source: ExchangeSource, subject: Subject): readonly string[] {
  const had = subject.claims.scopes ?? []
  if (source.scope.length === 0) return had
  return [...source.scope, ...identityScopes.filter((scope) => had.includes(scope))]
}

/** The judgement that the exchange and every later refresh of its result have in common. */
export function expectedOf(ask: {
  readonly source: ExchangeSource
  readonly downstream: Downstream
  readonly principal: Principal
  readonly scopes: readonly string[]
}): Expected {
  const { source, downstream, principal, scopes } = ask
  return {
    issuer: source.issuer,
    audiences: targetNames(targetOf(source, downstream)),
    extraAudiences: source.extraAudiences ?? [],
    scopes,
    principal,
  }
}

/** OAuth 2.0 Token Exchange (RFC 8693), impersonation: the person's token for this downstream. */
export const tokenExchange: Flavour<ExchangeAsk> = {
  grant: 'token-exchange',
  prepare({ source, downstream, principal, subject, keep }) {
    // A workload's token is another issuer's, and `sub` can be compared within one issuer only.
    if (principal.kind !== 'user' || principal.issuer !== source.issuer) {
      throw new SallyportError('exchange_unsupported_principal')
    }
    return {
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      parameters: [
        ['subject_token', subject.token],
        ['subject_token_type', type('access_token')],
        ['requested_token_type', type(keep ? 'refresh_token' : 'access_token')],
        ...targetParameters(targetOf(source, downstream), source.scope),
      ],
    }
  },
  interpret(ask, answer, now) {
    const { source, subject, keep } = ask
    const types = keep ? ['refresh_token', 'access_token', 'jwt'] : ['access_token', 'jwt']
    if (answer.issuedTokenType === undefined || !types.map(type).includes(answer.issuedTokenType)) {
      throw new SallyportError('exchange_response_refused', { field: 'issued_token_type' })
    }
    const expected = expectedOf({ ...ask, scopes: grantable(source, subject) })
    return checkAnswer(answer, { ...expected, delegation: subject.claims }, now)
  },
}
