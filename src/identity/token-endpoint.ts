import { type Downstream, SallyportError, type Server } from '../model/index.ts'
import { isScopeToken } from './claims.ts'
import type { Form } from './form.ts'
import type { VerifiedSubject } from './identity.ts'

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt'

/** A token exchange request (RFC 8693 §2.1) that says nothing we do not serve. */
export interface ExchangeRequest {
  readonly subjectToken: string
  /** Names of downstreams; undefined where none was named, which means all that the policy admits. */
  readonly downstreams: readonly string[] | undefined
  readonly scopes: readonly string[] | undefined
}

/**
 * Read the request. Each target has to be one that is configured, character for character; one that is not refuses
 * the whole request. An actor token is refused: the caller, as it authenticated, is the actor.
 * @throws grant_type_unsupported, request_malformed, subject_token_type_refused, target_refused, scope_refused
 */
export function readExchange(
  form: Form,
  server: Server,
  downstreams: readonly Downstream[],
): ExchangeRequest {
  const grant = form.one('grant_type')
  if (grant === undefined) throw malformed('grant_type is required.')
  if (grant !== exchangeGrant) throw new SallyportError('grant_type_unsupported')
  if (form.one('actor_token') !== undefined || form.one('actor_token_type') !== undefined) {
    throw malformed('actor_token is not served: the authenticated caller is the actor.')
  }
  const requested = form.one('requested_token_type')
  if (requested !== undefined && requested !== accessTokenType) {
    throw malformed('requested_token_type is not served.')
  }
  const subjectToken = form.one('subject_token')
  if (subjectToken === undefined) throw malformed('subject_token is required.')
  const type = form.one('subject_token_type')
  if (type !== accessTokenType && type !== jwtType) throw new SallyportError('subject_token_type_refused')
  return { subjectToken, downstreams: readTargets(form, server, downstreams), scopes: readScope(form) }
}

const malformed = (hint: string): SallyportError => new SallyportError('request_malformed', { hint })

/** `audience` takes names and resources, `resource` resources only (RFC 8707 §2). The server's own adds nothing. */
function readTargets(
  form: Form,
  server: Server,
  downstreams: readonly Downstream[],
): readonly string[] | undefined {
  const audiences = form.all('audience')
  const resources = form.all('resource')
  if (audiences.length + resources.length === 0) return undefined
  const named = new Set<string>()
  const add = (found: readonly Downstream[], own: boolean): void => {
    if (found.length === 0 && !own) throw new SallyportError('target_refused')
    for (const { name } of found) named.add(name)
  }
  for (const value of audiences) {
    const found = downstreams.filter(({ name, resource }) => name === value || resource === value)
    add(found, value === server.resource)
  }
  for (const value of resources) {
    const found = downstreams.filter(({ resource }) => resource === value)
    add(found, value === server.resource)
  }
  return [...named]
}

function readScope(form: Form): readonly string[] | undefined {
  const scope = form.one('scope')
  if (scope === undefined) return undefined
  const scopes = scope.split(' ')
  if (!scopes.every(isScopeToken)) throw new SallyportError('scope_refused')
  return [...new Set(scopes)]
}

/** What was asked for, or the subject's own; never more than the subject has. @throws scope_refused */
export function grantedScopes(
  asked: readonly string[] | undefined,
  subject: VerifiedSubject,
): readonly string[] {
  if (asked === undefined) return subject.scopes
  if (!asked.every((scope) => subject.scopes.includes(scope))) throw new SallyportError('scope_refused')
  return asked
}
