import { isName, type LoginClaims, readPerson } from '../../identity/index.ts'
import { epoch, type EpochSeconds, SallyportError, type Seq, type Visitor } from '../../model/index.ts'

/** How long a browser is somebody's, in seconds. */
const visit = 3_600

interface PersonTerms {
  readonly tenant: string
  readonly issuer: string
  readonly login: LoginClaims
  readonly now: EpochSeconds
  /** The log position that is applied. */
  readonly rev: Seq
}

/**
 * Who a verified ID token is about. Where it does not say when the person signed in, they are taken to have done so when it
 * was made. @throws login_answer_refused, token_tenant_refused, token_claims_invalid
 */
export function personOf(
  claims: Readonly<Record<string, unknown>>,
  { tenant, issuer, login, now, rev }: PersonTerms,
): Visitor {
  const { sub: subject, sid, auth_time: authTime, iat } = claims
  if (!isName(subject)) throw new SallyportError('login_answer_refused', { field: 'sub' })
  const name = nameOf(claims)
  return {
    principal: { kind: 'user', tenant, issuer, subject },
    ...(name === undefined ? {} : { name }),
    authTime: epoch(Math.min(Number(authTime ?? iat), now)),
    authTimeFrom: authTime === undefined ? 'iat' : 'auth_time',
    ...(isName(sid) ? { idpSid: sid } : {}),
    ...readPerson(claims, login),
    expiresAt: epoch(now + visit),
    rev,
  }
}

/** For pages alone. */
function nameOf(claims: Readonly<Record<string, unknown>>): string | undefined {
  for (const claim of ['name', 'preferred_username', 'email']) {
    const name = claims[claim]
    if (typeof name === 'string' && name.trim() !== '') return name.slice(0, 100)
  }
  return undefined
}
