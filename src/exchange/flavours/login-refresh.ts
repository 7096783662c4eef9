import { type EpochSeconds, epoch, type Principal, SallyportError, type Secret } from '../../model/index.ts'
import type { Json } from '../providers/provider.ts'
import type { Flavour, Issued, TokenAnswer } from './flavour.ts'

/** The refresh of a person's sign-in at the login issuer. */
export interface LoginRefreshAsk {
  readonly principal: Principal
  readonly refreshToken: Secret
}

/** A fresh sign-in, and what the ID token beside it says of the person. */
export interface LoginIssued extends Issued {
  readonly identity?: Json
}

/** Life of a token whose server does not say how long it lives, and which is no JWT. In seconds. */
const unknownLife = 60

function refuse(field: string): never {
  throw new SallyportError('exchange_response_refused', { field })
}

/** Whose the answer is, as far as it can be told: access tokens may name people in other ways than ID tokens (Okta). */
function subjectOf({ identity, claims }: TokenAnswer, { issuer }: Principal): unknown {
  if (identity !== undefined) return identity['sub']
  return claims?.issuer === issuer ? claims.subject : undefined
}

/** Refreshing the tokens of a sign-in (OIDC Core §12). The access token is the issuer's to read, and is asked nothing. */
export const loginRefresh: Flavour<LoginRefreshAsk, LoginIssued> = {
  grant: 'refresh-token',
  prepare: ({ refreshToken }) => ({
    grantType: 'refresh_token',
    parameters: [['refresh_token', refreshToken]],
  }),
  interpret({ principal }, answer, now) {
    const { accessToken, refreshToken, tokenType, identity, scope, claims } = answer
    if (tokenType.toLowerCase() !== 'bearer') refuse('token_type')
    const subject = subjectOf(answer, principal)
    if (subject !== undefined && subject !== principal.subject) refuse('sub')
    const expiresAt = loginExpiry(answer, now)
    if (expiresAt <= now) refuse('exp')
    return {
      secret: accessToken,
      obtainedAt: now,
      expiresAt,
      scopes: scope?.split(' ').filter((name) => name !== '') ?? claims?.scopes ?? [],
      ...(refreshToken === undefined ? {} : { refreshToken }),
      ...(identity === undefined ? {} : { identity }),
    }
  },
}

/** When an access token of a sign-in ends, as the answer or the token itself says. */
export function loginExpiry(
  { expiresIn, claims }: Pick<TokenAnswer, 'expiresIn' | 'claims'>,
  now: EpochSeconds,
): EpochSeconds {
  const said = expiresIn === undefined ? undefined : now + expiresIn
  const ends = Math.min(said ?? Number.POSITIVE_INFINITY, claims?.expiresAt ?? Number.POSITIVE_INFINITY)
  return epoch(Number.isFinite(ends) ? ends : now + unknownLife)
}
