import type { VerifiedSubject } from '../../identity/index.ts'
import { epoch, SallyportError } from '../../model/index.ts'
import { askedScopes, askedServer, checkServer, type Grant } from './asked.ts'
import { answerOf, begin, freshId, type Parts } from './begin.ts'

/** What a client may ask for that stands for nobody. */
const ownScopes = ['mcp']

/** A client as itself (RFC 6749 §4.4): a workload, and never a person. */
export function createClientCredentials(parts: Parts): Grant {
  const { options, deps } = parts
  return async (asked) => {
    const { client, form } = asked
    const server = askedServer(form, options.servers)
    checkServer(client, server)
    const scopes = askedScopes(form) ?? ownScopes
    if (!scopes.every((scope) => ownScopes.includes(scope))) throw new SallyportError('scope_refused')
    const now = deps.clock.now()
    const subject: VerifiedSubject = {
      principal: { kind: 'workload', tenant: options.tenant, issuer: options.url, subject: client.id },
      client: client.name,
      registration: client.id,
      authTime: now,
      issuedAt: now,
      expiresAt: epoch(now + options.access),
      scopes,
      groups: [],
      groupsComplete: true,
      subjectFrom: 'none',
    }
    const grant = 'client_credentials'
    const beginning = { id: freshId(deps), subject, server, scopes, grant, refreshable: false }
    return answerOf(await begin(asked, beginning, parts), now)
  }
}
