import { type Downstream, type Principal, SallyportError } from '../../model/index.ts'
import { checkAnswer, type Expected } from '../check-answer.ts'
import type { Subject } from '../subject-source.ts'
import type { ExchangeSource, Flavour, TokenSource } from './flavour.ts'
import { targetNames, targetOf, targetParameters } from './target.ts'

export const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`

/** A subject token to be exchanged for one of this downstream. */
export interface ExchangeAsk {
  readonly source: TokenSource
  readonly downstream: Downstream
  /** Whose the subject token is; undefined where it is the system's own. */
  readonly principal: Principal | undefined
  readonly subject: Subject
  /** Ask for a refresh token besides, to be kept as a stored connection. */
  readonly keep: boolean
  /** What Entra wants to be satisfied (`claims` of OpenID Connect Core §5.5), as it said it. */
  readonly claims?: string
}

/** The same where the subject token is a person's, and not the system's own. */
export type SubjectAsk = ExchangeAsk & { readonly source: ExchangeSource }

/**
 * Scopes about who somebody is, not about what may be done (OIDC Core §5.4). Servers add them to every token as
 * their clients' defaults, asked or not.
 */
export const identityScopes: readonly string[] = ['openid', 'profile', 'email', 'address', 'phone']

/**
 * What may be granted: what was asked for, and identity scopes that the subject token had already. Where nothing
 * was asked: what the subject token had.
 */
function grantable(source: TokenSource, subject: Subject): readonly string[] {
  const had = subject.claims.scopes ?? []
  if (source.scope.length === 0) return had
  return [...source.scope, ...identityScopes.filter((scope) => had.includes(scope))]
}

/** What every token for this downstream has to agree with, whichever grant it comes from. */
export function expectedOf(ask: Pick<ExchangeAsk, 'source' | 'downstream'>): Omit<Expected, 'scopes'> {
  const { source, downstream } = ask
  return {
    issuer: source.issuer,
    audiences: targetNames(targetOf(source, downstream)),
    extraAudiences: source.extraAudiences ?? [],
  }
}

/** OAuth 2.0 Token Exchange (RFC 8693), impersonation: the person's token for this downstream. */
export const tokenExchange: Flavour<ExchangeAsk> = {
  grant: 'token-exchange',
  prepare({ source, downstream, principal, subject, keep }) {
    // A workload's token is another issuer's, and `sub` can be compared within one issuer only.
    if (principal !== undefined && (principal.kind !== 'user' || principal.issuer !== source.issuer)) {
      throw new SallyportError('exchange_unsupported_principal')
    }
    return {
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      parameters: [
        ['subject_token', subject.token],
        ['subject_token_type', tokenType('access_token')],
        ['requested_token_type', tokenType(keep ? 'refresh_token' : 'access_token')],
        ...targetParameters(targetOf(source, downstream), source.scope),
      ],
    }
  },
  interpret(ask, answer, now) {
    const { source, subject, principal, keep } = ask
    const types = keep ? ['refresh_token', 'access_token', 'jwt'] : ['access_token', 'jwt']
    if (answer.issuedTokenType === undefined || !types.map(tokenType).includes(answer.issuedTokenType)) {
      throw new SallyportError('exchange_response_refused', { field: 'issued_token_type' })
    }
    const sub = principal?.subject ?? subject.claims.subject
    const expected: Expected = {
      ...expectedOf(ask),
      scopes: grantable(source, subject),
      delegation: subject.claims,
      ...(sub === undefined ? {} : { sub }),
    }
    return checkAnswer(answer, expected, now)
  },
}
