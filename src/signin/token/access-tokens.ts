import { actClaim, type Claims, isObject, readActor, type VerifyOwn } from '../../identity/index.ts'
import { type Access, epoch, SallyportError, type SignIn } from '../../model/index.ts'
import { type AccessKeys, openAccessKeys } from '../keys.ts'
import type { TokenDeps, TokenOptions } from './options.ts'

/** Version of the `sp` claim. */
const claimsVersion = 1

/** Access tokens of MCP clients (RFC 9068): made here, verified where they are shown. */
export interface AccessTokens {
  /** Synchronous. */
  sign(access: Access, signIn: SignIn): string
  /** Who stands behind one that is shown at the gateway of a server. */
  readonly verify: VerifyOwn
  /** The sign-in of one that may have ended; undefined for what is none of ours. Synchronous. */
  signInOf(jws: Parameters<VerifyOwn>[0]): string | undefined
  readonly jwks: AccessKeys['jwks']
}

type Options = Pick<TokenOptions, 'url' | 'tenant' | 'environment' | 'access' | 'algorithm' | 'keyRotation'>

export function openAccessTokens(
  options: Options,
  deps: Pick<TokenDeps, 'clock' | 'derive' | 'gate' | 'signIns'>,
): AccessTokens {
  const { algorithm, keyRotation: rotation, access: life } = options
  const keys = openAccessKeys({ algorithm, rotation, life }, deps)
  return {
    sign: (access, signIn) => keys.sign(accessClaims(access, signIn, { ...options, now: deps.clock.now() })),
    async verify(jws, server) {
      const claims = verified(jws, keys, options)
      if (claims.aud !== server.resource || claims.server !== server.name)
        throw new SallyportError('token_audience_refused', { server: server.name })
      if (deps.clock.now() >= claims.exp) throw new SallyportError('token_expired')
      const signIn = await deps.signIns.get(options.tenant, claims.family)
      if (signIn === undefined || !isOf(claims, signIn)) throw new SallyportError('token_revoked')
      const { session, registration } = signIn
      const { principal, client, idpSid, groups, groupsComplete, workflow, authTime, subjectFrom } = session
      const barred = deps.gate.check({ principal, client, server: server.name, sid: session.sid }, claims.rev)
      if (barred !== undefined) throw new SallyportError(barred.reason)
      return {
        principal,
        client,
        registration,
        authTime,
        authTimeFrom: session.authTimeFrom ?? 'auth_time',
        // The person's groups are as new as the login issuer's last word on them.
        issuedAt: epoch(Math.max(claims.iat, signIn.checkedAt)),
        expiresAt: epoch(claims.exp),
        scopes: claims.scope === '' ? [] : claims.scope.split(' '),
        groups,
        groupsComplete,
        ...(idpSid === undefined ? {} : { idpSid }),
        ...(workflow === undefined ? {} : { workflow }),
        ...(subjectFrom === undefined ? {} : { subjectFrom }),
        ...actorOf(claims.act),
      }
    },
    signInOf(jws) {
      try {
        return verified(jws, keys, options).family
      } catch (error) {
        if (error instanceof SallyportError) return undefined
        throw error
      }
    },
    jwks: keys.jwks,
  }
}

function accessClaims(
  { session, scopes, jti, expiresAt, rev, actor }: Access,
  { id, registration, resource }: SignIn,
  { url, environment, now }: Options & { readonly now: number },
): Claims {
  const { principal, workflow } = session
  // The server acts only once the token is shown there.
  const before = actor?.actingFor
  return {
    iss: url,
    aud: resource,
    sub: principal.subject,
    client_id: registration,
    ...(before === undefined ? {} : { act: actClaim(before) }),
    sid: session.sid,
    jti,
    scope: scopes.join(' '),
    iat: now,
    exp: expiresAt,
    sp: {
      v: claimsVersion,
      kind: principal.kind,
      auth_time: session.authTime,
      tenant: principal.tenant,
      idp: principal.issuer,
      server: session.server,
      environment,
      ...(workflow === undefined ? {} : { workflow }),
      rev,
      family: id,
    },
  }
}

interface Read {
  readonly aud: string
  readonly sid: string
  readonly client: string
  readonly scope: string
  readonly iat: number
  readonly exp: number
  readonly rev: number
  readonly server: string
  readonly family: string
  readonly act: unknown
}

/**
 * Only the exact header and claims that we write are taken, so nothing else that might ever be signed with such a key
 * passes. @throws token_algorithm_refused, token_type_refused, token_signature_invalid, token_claims_invalid
 */
function verified(jws: Parameters<VerifyOwn>[0], keys: AccessKeys, { url, tenant }: Options): Read {
  const { alg, typ, kid } = jws.header
  if (alg !== keys.algorithm) throw new SallyportError('token_algorithm_refused')
  if (typ !== 'at+jwt') throw new SallyportError('token_type_refused')
  if (typeof kid !== 'string' || !keys.verify(kid, jws.signed, jws.signature))
    throw new SallyportError('token_signature_invalid')
  const { iss, aud, sid, client_id: client, scope, iat, exp, act, sp } = jws.payload
  const { v, rev, family, server, tenant: named } = isObject(sp) ? sp : {}
  if (iss !== url || v !== claimsVersion || named !== tenant) throw refused()
  if (!areTexts([aud, sid, client, scope, family, server]) || !areNumbers([iat, exp, rev])) throw refused()
  return { aud, sid, client, scope, iat, exp, rev, server, family, act } as Read
}

const refused = (): SallyportError => new SallyportError('token_claims_invalid')
const areTexts = (values: readonly unknown[]): boolean => values.every((it) => typeof it === 'string')
const areNumbers = (values: readonly unknown[]): boolean => values.every((it) => typeof it === 'number')

/** The row is of the very sign-in that the token was made for. */
function isOf({ aud, sid, client, server }: Read, { session, registration, resource }: SignIn): boolean {
  return session.sid === sid && session.server === server && registration === client && resource === aud
}

function actorOf(act: unknown) {
  const actor = readActor(act)
  return actor === undefined ? {} : { actor }
}
