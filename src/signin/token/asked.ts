import type { Form } from '../../identity/index.ts'
import { isScopeToken } from '../../identity/index.ts'
import { type RecordWho, SallyportError, type Server, type Session } from '../../model/index.ts'
import type { Client } from '../shapes.ts'

/** A request of the token endpoint whose client is known. */
export interface Asked {
  readonly client: Client
  readonly form: Form
  /** The id of the request. */
  readonly id: string
  /** Whom it turned out to be about, so that a refusal is recorded with it. */
  about: RecordWho
}

/** A session as records name it. */
export function whoOf({ principal, client, server, sid }: Session): RecordWho {
  return { principal, client, server, sid }
}

/** What is answered (RFC 6749 §5.1). */
export interface Answer {
  readonly access_token: string
  readonly token_type: 'Bearer'
  readonly expires_in: number
  readonly scope: string
  readonly refresh_token?: string
  readonly issued_token_type?: string
}

export type Grant = (asked: Asked) => Promise<Answer>

/** What is wrong with a code, refresh token or assertion is `invalid_grant`, whatever it is (RFC 6749 §5.2). */
export function asInvalidGrant(error: unknown): unknown {
  if (!(error instanceof SallyportError) || error.row.oauth !== 'invalid_token') return error
  return new SallyportError(error.code, { ...error.facts, oauth: 'invalid_grant' }, error.cause)
}

export const invalidGrant = (): SallyportError => new SallyportError('grant_invalid')

/** The scopes that were asked for, or undefined where none were. @throws scope_refused */
export function askedScopes(form: Form): readonly string[] | undefined {
  const scope = form.one('scope')
  if (scope === undefined) return undefined
  const scopes = [...new Set(scope.split(' '))]
  if (!scopes.every(isScopeToken)) throw new SallyportError('scope_refused')
  return scopes
}

/** Exactly one resource, which is a server's, character for character (RFC 8707 §2). @throws resource_refused */
export function askedServer(form: Form, servers: readonly Server[]): Server {
  const [resource, ...more] = form.all('resource')
  const others = form.all('audience').filter((audience) => audience !== resource)
  const server = servers.find((it) => it.resource === resource)
  if (server === undefined || more.length > 0 || others.length > 0)
    throw new SallyportError('resource_refused')
  return server
}

/** May this client be used at this server? @throws client_not_for_server */
export function checkServer({ servers }: Client, { name }: Server): void {
  if (servers?.includes(name) === false) throw new SallyportError('client_not_for_server', { server: name })
}
