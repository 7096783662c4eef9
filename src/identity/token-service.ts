import type { Audit } from '../audit/index.ts'
import {
  type Access,
  asSallyportError,
  type Clock,
  type Downstream,
  type Gate,
  type RecordWho,
  SallyportError,
  type Server,
  type Session,
} from '../model/index.ts'
import type { Log } from '../telemetry/index.ts'
import { type CompactJws, claimedIssuer, type Claims, parseCompact } from './compact.ts'
import type { Form } from './form.ts'
import type { VerifiedSubject } from './identity.ts'
import { type ClaimOptions, sessionClaims } from './session/claims.ts'
import { barredError, type EstablishInput } from './session/establish.ts'
import type { SigningKeys } from './session/keys.ts'
import { accessTokenType, grantedScopes, readExchange } from './token-endpoint.ts'

/** What the token face does for an authenticated server. */
export interface TokenService {
  /** RFC 8693 §2.2. @throws the codes of the request, of the subject token and of a refused session */
  exchange(server: Server, form: Form, request: string): Promise<Claims>
  /** RFC 7662 §2.2. @throws request_malformed, lease_lapsed */
  introspect(server: Server, form: Form): Claims
  /** RFC 7009 §2: returns for an unknown token too. @throws request_malformed and what the revocation throws */
  revoke(server: Server, form: Form): Promise<void>
}

export interface TokenServiceOptions {
  readonly downstreams: readonly Downstream[]
  readonly claims: ClaimOptions
}

export interface TokenServiceDeps {
  readonly verifySubject: (token: string, server: Server) => Promise<VerifiedSubject>
  readonly verifySession: (jws: CompactJws) => Access
  readonly establish: <T>(input: EstablishInput, seal: (access: Access, now: number) => T) => Promise<T>
  readonly keys: SigningKeys
  readonly gate: Gate
  readonly clock: Clock
  readonly audit: Pick<Audit, 'note'>
  readonly log: Log
  /** Cut a session, as if an administrator had; `by` names the server that asked. */
  readonly revokeSession: (session: Session, by: string) => Promise<void>
}

export function createTokenService(options: TokenServiceOptions, deps: TokenServiceDeps): TokenService {
  return {
    exchange: (server, form, request) => exchange({ server, form, request }, options, deps),
    introspect: (server, form) => introspect(server, readToken(form), options, deps),
    async revoke(server, form) {
      const access = ownAccess(server, readToken(form), options, deps)
      if (access !== undefined) await deps.revokeSession(access.session, `server:${server.name}`)
    },
  }
}

interface Exchange {
  readonly server: Server
  readonly form: Form
  readonly request: string
}

/** A refusal is recorded with whoever was known by then, and only then answered. */
async function exchange(
  input: Exchange,
  options: TokenServiceOptions,
  deps: TokenServiceDeps,
): Promise<Claims> {
  const { server, form, request } = input
  let subject: VerifiedSubject | undefined
  try {
    const asked = readExchange(form, server, options.downstreams)
    subject = await deps.verifySubject(asked.subjectToken, server)
    const scopes = grantedScopes(asked.scopes, subject)
    const session = {
      subject,
      server,
      asked: asked.downstreams,
      scopes,
      request,
      bearer: 'session token' as const,
    }
    return await deps.establish(session, (access, now) => ({
      access_token: deps.keys.sign(sessionClaims(access, now, options.claims), access.expiresAt),
      issued_token_type: accessTokenType,
      token_type: 'Bearer',
      expires_in: access.expiresAt - now,
      scope: scopes.join(' '),
    }))
  } catch (error) {
    const refusal = asSallyportError(error)
    await recordDenial(refusal, { server, subject, request }, deps)
    throw refusal
  }
}

interface Denied {
  readonly server: Server
  readonly subject: VerifiedSubject | undefined
  readonly request: string
}

async function recordDenial(refusal: SallyportError, denied: Denied, deps: TokenServiceDeps): Promise<void> {
  const { server, subject, request } = denied
  const { code, facts } = refusal
  deps.log.warn(
    'session token refused',
    { code, server: server.name, request, remedy: facts.remedy },
    refusal,
  )
  const who: RecordWho =
    subject === undefined
      ? { server: server.name }
      : { server: server.name, principal: subject.principal, client: subject.client }
  const rule = facts.rule === undefined ? {} : { rule: facts.rule }
  try {
    await deps.audit.note(
      { kind: 'denial', request, who, decision: 'deny', reason: code, ...rule, rev: deps.gate.applied },
      'handed',
    )
  } catch (error) {
    deps.log.error('a denial could not be recorded', { code, request }, error)
  }
}

function readToken(form: Form): string {
  const token = form.one('token')
  if (token === undefined) throw new SallyportError('request_malformed', { hint: 'token is required.' })
  return token
}

/** Active only for tokens of the caller's own server, and only while nothing has cut them. */
function introspect(
  server: Server,
  token: string,
  options: TokenServiceOptions,
  deps: TokenServiceDeps,
): Claims {
  const access = ownAccess(server, token, options, deps)
  if (access === undefined) return { active: false }
  const { principal, client, sid } = access.session
  const barred = deps.gate.check({ principal, client, server: server.name, sid }, access.rev)
  if (barred?.reason === 'lease_lapsed') throw barredError(barred)
  if (barred !== undefined) return { active: false }
  return { active: true, token_type: 'Bearer', ...parseCompact(token).payload }
}

/** A live session token of this server; whatever else it is, it is nothing to this caller. */
function ownAccess(
  server: Server,
  token: string,
  { claims }: TokenServiceOptions,
  deps: TokenServiceDeps,
): Access | undefined {
  try {
    const jws = parseCompact(token)
    if (claimedIssuer(jws) !== claims.issuer) return undefined
    const access = deps.verifySession(jws)
    return access.session.server === server.name ? access : undefined
  } catch (error) {
    if (error instanceof SallyportError) return undefined
    throw error
  }
}
