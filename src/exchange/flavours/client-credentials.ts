import type { Downstream } from '../../model/index.ts'
import { checkBroadAnswer } from '../check-answer.ts'
import type { Broad, ClientCredentialsSource, Flavour, Issued } from './flavour.ts'
import { targetOf, targetParameters } from './target.ts'
import { expectedOf, identityScopes } from './token-exchange.ts'

export interface ClientCredentialsAsk {
  readonly source: ClientCredentialsSource
  readonly downstream: Downstream
}

/**
 * Client credentials (RFC 6749 §4.4): system-scoped access. The token is the system's own, whoever the call is
 * for; no principal is part of it, and it is never taken for one of a person.
 */
export const clientCredentials: Flavour<ClientCredentialsAsk, Issued | Broad> = {
  grant: 'client-credentials',
  prepare({ source, downstream }) {
    return {
      grantType: 'client_credentials',
      parameters: targetParameters(targetOf(source, downstream), source.scope),
    }
  },
  interpret(ask, answer, now) {
    const { scope } = ask.source
    const scopes = scope.length === 0 ? undefined : [...scope, ...identityScopes]
    return checkBroadAnswer(answer, { ...expectedOf(ask), scopes }, now)
  },
}
