import { accessTokenType, exchangeGrant, jwtType, type VerifiedSubject } from '../../identity/index.ts'
import { type Actor, epoch, SallyportError } from '../../model/index.ts'
import { type Asked, askedScopes, askedServer, checkServer, type Grant } from './asked.ts'
import { answerOf, begin, freshId, type Parts } from './begin.ts'

/** What says no more than that a server is used, so whoever may use it has it. */
const ownScopes: readonly string[] = ['mcp']

/**
 * Token exchange (RFC 8693): a token that a person's or a workload's own issuer made for one of our servers, for an
 * access token of ours at that server. Our own tokens are no subject tokens. The client becomes the actor.
 */
export function createTokenExchange(parts: Parts): Grant {
  const { options, deps } = parts
  return async (asked) => {
    const { client, form } = asked
    const server = askedServer(form, options.servers)
    checkServer(client, server)
    const token = subjectToken(asked)
    const caller = { subject: client.id, client: client.id }
    const subject = await deps.identity.verifySubject(token, server, caller)
    asked.about = { principal: subject.principal, client: client.name, server: server.name }
    const scopes = grantedScopes(asked, subject)
    const now = deps.clock.now()
    const expiresAt = epoch(Math.min(now + options.access, subject.expiresAt))
    const { id: registration, name } = client
    const actor = actorOf(asked, subject, parts)
    const own = { ...subject, client: name, registration, expiresAt, scopes, actor }
    const beginning = { id: freshId(deps), subject: own, server, scopes, refreshable: false }
    const signed = await begin(asked, { ...beginning, grant: exchangeGrant }, parts)
    return { ...answerOf(signed, now), issued_token_type: accessTokenType }
  }
}

const malformed = (hint: string): SallyportError => new SallyportError('request_malformed', { hint })

/** @throws request_malformed, subject_token_type_refused */
function subjectToken({ form }: Asked): string {
  if (form.one('actor_token') !== undefined || form.one('actor_token_type') !== undefined)
    throw malformed('actor_token is not served: the authenticated client is the actor.')
  const requested = form.one('requested_token_type')
  if (requested !== undefined && requested !== accessTokenType)
    throw malformed('requested_token_type is not served.')
  const token = form.one('subject_token')
  if (token === undefined) throw malformed('subject_token is required.')
  const type = form.one('subject_token_type')
  if (type !== accessTokenType && type !== jwtType) throw new SallyportError('subject_token_type_refused')
  return token
}

/** What was asked for, or the subject's own; never more than that. @throws scope_refused */
function grantedScopes({ form }: Asked, { scopes }: VerifiedSubject): readonly string[] {
  const asked = askedScopes(form) ?? scopes
  if (!asked.every((scope) => scopes.includes(scope) || ownScopes.includes(scope)))
    throw new SallyportError('scope_refused')
  return asked
}

/** The client acts, before whoever acted already. */
function actorOf({ client }: Asked, { actor }: VerifiedSubject, { options }: Parts): Actor {
  const own = { subject: client.id, issuer: options.url }
  return actor === undefined ? own : { ...own, actingFor: actor }
}
