import { epoch, SallyportError } from '../../model/index.ts'
import { type Asked, asInvalidGrant, askedScopes, checkServer, type Grant, invalidGrant } from './asked.ts'
import { answerOf, begin, freshId, type Parts } from './begin.ts'
import { onlyOnce } from './once.ts'

export const jwtBearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/**
 * Identity assertion authorization grants (RFC 7523 §2.1 with ID-JAG), as MCP's enterprise-managed authorization has them:
 * the person's IdP says which client may act for them at which server. Each is good once, for the client that it names
 * and the resource that it names, and gives no refresh token: a new one is to be had from the IdP.
 */
export function createIdJag(parts: Parts): Grant {
  return async (asked) => {
    try {
      return await redeem(asked, parts)
    } catch (error) {
      throw asInvalidGrant(error)
    }
  }
}

async function redeem(asked: Asked, parts: Parts) {
  const { options, deps } = parts
  const { client, form } = asked
  const assertion = form.one('assertion')
  if (assertion === undefined)
    throw new SallyportError('request_malformed', { hint: 'assertion is required.' })
  const { subject, resource, once } = await deps.identity.verifyIdJag(assertion)
  asked.about = { principal: subject.principal, client: client.name }
  const server = options.servers.find((it) => it.resource === resource)
  const elsewhere = form.all('resource').some((it) => it !== resource)
  if (subject.client !== client.id || server === undefined || elsewhere) throw invalidGrant()
  checkServer(client, server)
  const asserted = subject.scopes
  const scopes = (askedScopes(form) ?? asserted).filter((scope) => asserted.includes(scope))
  await onlyOnce('id-jag', once, deps)
  const now = deps.clock.now()
  const { id: registration, name } = client
  const expiresAt = epoch(now + options.access)
  const own = { ...subject, client: name, registration, expiresAt, scopes, subjectFrom: 'none' as const }
  const beginning = { id: freshId(deps), subject: own, server, scopes, refreshable: false }
  return answerOf(await begin(asked, { ...beginning, grant: jwtBearerGrant }, parts), now)
}
