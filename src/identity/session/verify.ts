import { type Access, type CallRef, type Clock, epoch, SallyportError } from '../../model/index.ts'
import { type Claims, type CompactJws, isObject } from '../compact.ts'
import { readActor } from '../delegation.ts'
import { claimsVersion } from './claims.ts'
import type { SigningKeys } from './keys.ts'
import type { SessionTable } from './table.ts'

export interface VerifyDeps {
  readonly issuer: string
  readonly keys: SigningKeys
  readonly sessions: SessionTable
  readonly clock: Clock
}

/**
 * Verify a session token of this process. Synchronous and without I/O: the key and the session are in memory. Only
 * the exact header that we write is taken, so nothing else that might ever be signed with such a key passes.
 * @throws token_type_refused, token_algorithm_refused, token_signature_invalid, token_claims_invalid, token_expired,
 * token_revoked where the session is no longer known
 */
export function verifySessionToken(jws: CompactJws, deps: VerifyDeps): Access {
  const { alg, typ, kid } = jws.header
  if (alg !== deps.keys.algorithm) throw new SallyportError('token_algorithm_refused')
  if (typ !== 'at+jwt') throw new SallyportError('token_type_refused')
  if (typeof kid !== 'string' || !deps.keys.verify(kid, jws.signed, jws.signature)) {
    throw new SallyportError('token_signature_invalid')
  }
  const { sid, exp, rev, ...access } = readClaims(jws.payload, deps.issuer)
  if (deps.clock.now() >= exp) throw new SallyportError('token_expired')
  const session = deps.sessions.get(sid)
  if (session === undefined) throw new SallyportError('token_revoked')
  return { ...access, session, expiresAt: epoch(exp), rev }
}

type Read = Omit<Access, 'session' | 'expiresAt'> & { readonly sid: string; readonly exp: number }

/** The claims as `sessionClaims` writes them. */
function readClaims(payload: Claims, issuer: string): Read {
  const { iss, aud, sid, jti, scope, exp, act, sp } = payload
  const { v, rev, call, tool } = isObject(sp) ? sp : {}
  if (iss !== issuer || v !== claimsVersion || typeof rev !== 'number' || typeof exp !== 'number')
    throw refused()
  if (!isTexts(aud) || typeof sid !== 'string' || typeof jti !== 'string' || typeof scope !== 'string')
    throw refused()
  return {
    audiences: aud,
    sid,
    jti,
    scopes: scope === '' ? [] : scope.split(' '),
    actor: readActor(act),
    exp,
    rev,
    ...(call === undefined ? {} : { call: readCall(call, tool) }),
  }
}

function readCall(id: unknown, tool: unknown): CallRef {
  if (typeof id !== 'string' || (tool !== undefined && typeof tool !== 'string')) throw refused()
  return tool === undefined ? { id } : { id, tool }
}

const refused = (): SallyportError => new SallyportError('token_claims_invalid')

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}
