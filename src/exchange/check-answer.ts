import { type EpochSeconds, epoch, SallyportError } from '../model/index.ts'
import { type Claims, scopeList } from './claims.ts'
import type { Broad, Issued, TokenAnswer } from './flavours/flavour.ts'

/** What was asked for, as far as the answer has to agree with it. */
export interface Expected {
  readonly issuer: string
  /** At least one of these must be in the `aud` of a JWT. */
  readonly audiences: readonly string[]
  /** Further audiences that a JWT may name besides. */
  readonly extraAudiences: readonly string[]
  /** Scopes that may be granted; undefined where nothing was asked, so the registration's default is granted. */
  readonly scopes: readonly string[] | undefined
  /** The `sub` that the token must have; undefined where it is the system's own. */
  readonly sub?: string
  /** What the token exchanged said about delegation: it must not get lost. */
  readonly delegation?: Pick<Claims, 'actors' | 'mayAct'>
}

/** Life of a token whose server does not say how long it lives, and which is no JWT. */
const unknownLifetime = 60

function refuse(field: string): never {
  throw new SallyportError('exchange_response_refused', { field })
}

function checkScopes(granted: readonly string[], expected: Expected): void {
  const { scopes } = expected
  if (scopes !== undefined && !granted.every((scope) => scopes.includes(scope))) refuse('scope')
}

function checkAudience(claims: Claims, { audiences }: Expected): void {
  if (!audiences.some((audience) => claims.audiences.includes(audience))) refuse('aud')
}

function isBroad({ audiences: named }: Claims, { audiences, extraAudiences }: Expected): boolean {
  return !named.every((audience) => audiences.includes(audience) || extraAudiences.includes(audience))
}

/** Do the actors of the subject token still stand, in order, at the end of the new chain? */
function keepsActors(claims: Claims, before: readonly string[]): boolean {
  const tail = claims.actors.slice(claims.actors.length - before.length)
  return claims.actors.length >= before.length && tail.every((actor, index) => actor === before[index])
}

function canonical(value: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
}

/** Either the party that may act now acts, or the restriction still stands in the token (RFC 8693 §4.4). */
function keepsMayAct(claims: Claims, mayAct: Readonly<Record<string, unknown>>): boolean {
  if (claims.mayAct !== undefined) return canonical(claims.mayAct) === canonical(mayAct)
  const outermost = claims.actors[0]
  if (outermost === undefined) return false
  const [issuer, subject] = JSON.parse(outermost) as [string, string]
  const { iss, sub } = mayAct
  return subject === sub && (iss === undefined || iss === issuer)
}

function checkDelegation(claims: Claims | undefined, delegation: Expected['delegation']): void {
  if (delegation === undefined) return
  const { actors, mayAct } = delegation
  if (actors.length === 0 && mayAct === undefined) return
  const kept =
    claims !== undefined &&
    keepsActors(claims, actors) &&
    (mayAct === undefined || keepsMayAct(claims, mayAct))
  if (!kept) throw new SallyportError('token_delegation_refused')
}

function checkClaims(claims: Claims, expected: Expected, now: EpochSeconds): void {
  checkAudience(claims, expected)
  if (claims.scopes !== undefined) checkScopes(claims.scopes, expected)
  if (claims.expiresAt !== undefined && claims.expiresAt <= now) refuse('exp')
  if (expected.sub === undefined) return
  if (claims.subject !== expected.sub) refuse('sub')
  if (claims.issuer !== undefined && claims.issuer !== expected.issuer) refuse('iss')
}

function expiryOf(answer: TokenAnswer, now: EpochSeconds): EpochSeconds {
  const said = answer.expiresIn === undefined ? undefined : now + answer.expiresIn
  const claimed = answer.claims?.expiresAt
  if (said === undefined && claimed === undefined) return epoch(now + unknownLifetime)
  return epoch(Math.min(said ?? Number.POSITIVE_INFINITY, claimed ?? Number.POSITIVE_INFINITY))
}

/** Every check but that of further audiences. */
function check(
  answer: TokenAnswer,
  expected: Expected,
  now: EpochSeconds,
): Issued & { expiresAt: EpochSeconds } {
  const { claims, scope, refreshToken } = answer
  if (answer.tokenType.toLowerCase() !== 'bearer') refuse('token_type')
  if (answer.expiresIn !== undefined && !(answer.expiresIn > 0)) refuse('expires_in')
  const granted = scope === undefined ? (claims?.scopes ?? expected.scopes ?? []) : scopeList(scope)
  checkScopes(granted, expected)
  if (claims !== undefined) checkClaims(claims, expected, now)
  checkDelegation(claims, expected.delegation)
  return {
    secret: answer.accessToken,
    obtainedAt: now,
    expiresAt: expiryOf(answer, now),
    scopes: granted,
    ...(refreshToken === undefined ? {} : { refreshToken }),
  }
}

/**
 * Judge an answer before anything of it is used, cached or kept (attack A08, token substitution). Audiences are
 * read from the JWT itself, never from introspection, which at Keycloak names others. An opaque token can be
 * judged by the answer around it only. @throws exchange_response_refused, token_delegation_refused
 */
export function checkAnswer(answer: TokenAnswer, expected: Expected, now: EpochSeconds): Issued {
  const issued = check(answer, expected, now)
  if (answer.claims !== undefined && isBroad(answer.claims, expected)) refuse('aud')
  return issued
}

/**
 * The same for grants that cannot ask for an audience: a token that names further ones comes back as `Broad`.
 * @throws exchange_response_refused
 */
export function checkBroadAnswer(answer: TokenAnswer, expected: Expected, now: EpochSeconds): Issued | Broad {
  const issued = check(answer, expected, now)
  const { claims } = answer
  if (claims === undefined || !isBroad(claims, expected)) return issued
  const { secret: token, expiresAt, scopes, refreshToken } = issued
  return {
    subject: { token, claims, expiresAt },
    scopes,
    ...(refreshToken === undefined ? {} : { refreshToken }),
  }
}
