import { epoch, type Grant, type Secret, type Seq } from '../../model/index.ts'
import { loginExpiry } from '../flavours/login-refresh.ts'
import { keepConnection, type KeepConnectionDeps } from '../keep-connection.ts'
import { connectionId, registrationKey } from '../place.ts'
import type { Registration } from '../registration.ts'
import { tokenClaims } from '../subject-source.ts'
import { type LoginOf, loginOwner, loginPlace } from './place.ts'

/** What the login issuer gave when a person signed in. */
export interface LoginTokens {
  readonly accessToken: Secret
  readonly refreshToken?: Secret
  /** Life of the access token in seconds, as the issuer says. */
  readonly expiresIn?: number
  readonly scope?: string
}

/** A sign-in to be kept. */
export interface KeptLogin extends LoginOf {
  readonly tokens: LoginTokens
  readonly rev: Seq
}

/**
 * Keep it as the person's login connection. The same sign-in again replaces what was kept of it: what that was is not
 * revoked, since issuers end the whole session with it.
 * @throws cut, held, secrets_*, state_unavailable, record_unavailable
 */
export async function keepLogin(
  { principal, idpSid, tokens, rev }: KeptLogin,
  at: Registration,
  deps: KeepConnectionDeps,
): Promise<void> {
  const place = loginPlace({ principal, ...(idpSid === undefined ? {} : { idpSid }) })
  const now = deps.clock.now()
  const { accessToken, refreshToken, scope } = tokens
  const row = {
    id: connectionId(place),
    place,
    kind: 'login',
    server: '',
    createdAt: now,
    rev,
    status: 'active',
  } as const
  const grantOf = (gen: number): Grant => ({
    v: 1,
    gen,
    ...(refreshToken === undefined ? {} : { rt: refreshToken }),
    at: accessToken,
    exp: expiryOf(tokens, now),
    obtained: now,
    status: 'active',
    rev,
    registration: registrationKey(at),
    scopes: scope?.split(' ').filter((name) => name !== '') ?? [],
  })
  await keepConnection({ row, owner: loginOwner(place), secret: refreshToken ?? accessToken, grantOf }, deps)
}

function expiryOf({ accessToken, expiresIn }: LoginTokens, now: ReturnType<typeof epoch>) {
  const claims = tokenClaims(accessToken)
  return loginExpiry(
    { ...(expiresIn === undefined ? {} : { expiresIn }), ...(claims === undefined ? {} : { claims }) },
    now,
  )
}
