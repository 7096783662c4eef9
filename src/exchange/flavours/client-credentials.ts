import type { Downstream } from '../../model/index.ts'
import { checkAnswer } from '../check-answer.ts'
import type { ClientCredentialsSource, Flavour } from './flavour.ts'
import { targetNames, targetOf, targetParameters } from './target.ts'

export interface ClientCredentialsAsk {
  readonly source: ClientCredentialsSource
  readonly downstream: Downstream
}

/**
 * Client credentials (RFC 6749 §4.4): system-scoped access. The token is the system's own, whoever the call is
 * for; no principal is part of it, and it is never taken for one of a person.
 */
export const clientCredentials: Flavour<ClientCredentialsAsk> = {
  grant: 'client-credentials',
  prepare({ source, downstream }) {
    return {
      grantType: 'client_credentials',
      parameters: targetParameters(targetOf(source, downstream), source.scope),
    }
  },
  interpret({ source, downstream }, answer, now) {
    const expected = {
      issuer: source.issuer,
      audiences: targetNames(targetOf(source, downstream)),
      extraAudiences: source.extraAudiences ?? [],
      scopes: source.scope.length === 0 ? undefined : source.scope,
    }
    return checkAnswer(answer, expected, now)
  },
}
