import { SallyportError, type Secret } from '../../model/index.ts'
import { checkAnswer } from '../check-answer.ts'
import type { ExchangeSource, Flavour } from './flavour.ts'
import { targetNames, targetOf, targetParameters } from './target.ts'
import { expectedOf, type SubjectAsk, tokenType } from './token-exchange.ts'

const jwtBearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** What may be granted; where nothing was asked for, that is the server's to say. */
const scopesOf = ({ scope }: ExchangeSource): readonly string[] | undefined =>
  scope.length === 0 ? undefined : scope

/**
 * The person's token as the assertion (RFC 7523 §2.1), at a server that trusts its issuer. That server has its own
 * names for people, so whose the token is is compared only where it is the issuer itself.
 */
export const jwtBearer: Flavour<SubjectAsk> = {
  grant: 'assertion',
  prepare({ source, downstream, principal, subject }) {
    if (principal?.kind !== 'user') throw new SallyportError('exchange_unsupported_principal')
    return {
      grantType: jwtBearerGrant,
      parameters: [
        ['assertion', subject.token],
        ...targetParameters(targetOf(source, downstream), source.scope),
      ],
    }
  },
  interpret(ask, answer, now) {
    const { source, principal, subject } = ask
    const own = principal?.issuer === source.issuer
    const expected = { ...expectedOf(ask), scopes: scopesOf(source), delegation: subject.claims }
    return checkAnswer(answer, own ? { ...expected, sub: principal.subject } : expected, now)
  },
}

/** An identity assertion for one authorization server: good once, and never kept. */
export interface Assertion {
  readonly assertion: Secret
}

function refuse(field: string): never {
  throw new SallyportError('exchange_response_refused', { field })
}

/** An ID-JAG of the person's IdP (draft-ietf-oauth-identity-assertion-authz-grant §4.3) for the downstream's server. */
export const idJag: Flavour<SubjectAsk, Assertion> = {
  grant: 'token-exchange',
  prepare({ source, downstream, principal, subject }) {
    if (principal?.kind !== 'user' || principal.issuer !== source.issuer)
      throw new SallyportError('exchange_unsupported_principal')
    const { resource = downstream.resource, scope } = source
    return {
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      parameters: [
        ['requested_token_type', tokenType('id-jag')],
        ['audience', source.at?.issuer ?? ''],
        ['resource', resource],
        ...(scope.length === 0 ? [] : [['scope', scope.join(' ')] as const]),
        ['subject_token', subject.token],
        ['subject_token_type', tokenType(subject.type ?? 'access_token')],
      ],
    }
  },
  interpret({ source }, { issuedTokenType, tokenType: kind, claims, accessToken }, now) {
    if (issuedTokenType !== tokenType('id-jag')) refuse('issued_token_type')
    if (kind.toLowerCase() !== 'n_a') refuse('token_type')
    if (claims === undefined) refuse('access_token')
    const { audiences, issuer, expiresAt } = claims
    if (audiences.length !== 1 || audiences[0] !== source.at?.issuer) refuse('aud')
    if (issuer !== source.issuer) refuse('iss')
    if (expiresAt === undefined || expiresAt <= now) refuse('exp')
    return { assertion: accessToken }
  },
}

/** The second half: the assertion for a token, at the server that it names (the same draft, §4.4). */
export const idJagGrant: Flavour<SubjectAsk & Assertion> = {
  grant: 'assertion',
  prepare: ({ assertion }) => ({ grantType: jwtBearerGrant, parameters: [['assertion', assertion]] }),
  interpret({ source, downstream, subject }, answer, now) {
    const { at, extraAudiences = [] } = source
    const audiences = targetNames(
      targetOf({ ...source, resource: source.resource ?? downstream.resource }, downstream),
    )
    const expected = {
      issuer: at?.issuer ?? '',
      audiences,
      extraAudiences,
      scopes: scopesOf(source),
      delegation: subject.claims,
    }
    return checkAnswer(answer, expected, now)
  },
}
