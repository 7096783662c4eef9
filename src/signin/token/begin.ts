import type { VerifiedSubject } from '../../identity/index.ts'
import {
  type Access,
  type EpochSeconds,
  epoch,
  SallyportError,
  type Server,
  type SignIn,
} from '../../model/index.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { Answer, Asked } from './asked.ts'
import type { RefreshTokens } from './handles.ts'
import type { TokenDeps, TokenOptions } from './options.ts'

/** What every grant works with. */
export interface Parts {
  readonly options: TokenOptions
  readonly deps: TokenDeps
  readonly accessTokens: AccessTokens
  readonly refreshTokens: RefreshTokens
}

/** A sign-in that begins: whose it is, and where. */
export interface Beginning {
  /** The name of the sign-in. */
  readonly id: string
  readonly subject: VerifiedSubject
  readonly server: Server
  readonly scopes: readonly string[]
  readonly grant: string
  /** Whether its client can go on with it by refresh tokens. */
  readonly refreshable: boolean
  /** Asked in the same synchronous step as the signature. */
  readonly check?: (access: Access) => void
}

/** A signed token and what it stands on, not given out yet. */
export interface Signed {
  readonly access: Access
  readonly token: string
  readonly signIn: SignIn
}

/**
 * A sign-in and its first access token. The row is there before the token leaves; what was cut meanwhile is not given
 * out, and a row that came too late for the cut is older than it, so nothing is ever made of it.
 * @throws the reason of a denial, sign_in_too_old, cut, held, switched_off, token_expired, state_unavailable, record_unavailable
 */
export async function begin(asked: Asked, beginning: Beginning, parts: Parts): Promise<Signed> {
  const { deps, options, accessTokens } = parts
  const { id, subject, server, scopes, grant, refreshable } = beginning
  const now = deps.clock.now()
  const until = refreshable ? epoch(now + options.absolute) : subject.expiresAt
  const idleUntil = refreshable ? epoch(Math.min(now + options.idle, until)) : until
  const input = { subject, server, scopes, request: asked.id, keptUntil: idleUntil, grant }
  const signed = await deps.identity.signIn(input, (access, signedAt) => {
    beginning.check?.(access)
    const signIn: SignIn = {
      id,
      session: access.session,
      registration: asked.client.id,
      resource: server.resource,
      scopes,
      gen: 1,
      rotatedAt: signedAt,
      idleUntil,
      until,
      checkedAt: signedAt,
      createdAt: signedAt,
      rev: access.rev,
    }
    return { access, signIn, token: accessTokens.sign(access, signIn) }
  })
  await deps.signIns.put(signed.signIn)
  checkStill(signed, deps)
  return signed
}

/** The last look at the log, after everything that was waited for. @throws cut, held, switched_off, lease_lapsed */
export function checkStill({ access }: Pick<Signed, 'access'>, { gate }: Pick<TokenDeps, 'gate'>): void {
  const { principal, client, server, sid } = access.session
  const barred = gate.check({ principal, client, server, sid }, access.rev)
  if (barred !== undefined) throw new SallyportError(barred.reason)
}

export function answerOf({ access, token }: Signed, now: EpochSeconds, refreshToken?: string): Answer {
  return {
    access_token: token,
    token_type: 'Bearer',
    expires_in: access.expiresAt - now,
    scope: access.scopes.join(' '),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
  }
}

/** Nobody can go on with it, so it needs no other name than one that was never given. */
export const freshId = ({ random }: Pick<TokenDeps, 'random'>): string =>
  Buffer.from(random(16)).toString('base64url')
