import { type EpochSeconds, epoch, SallyportError, type Seconds } from '../model/index.ts'
import { type Claims, isObject } from './compact.ts'

/** Longer lives than this are no seconds, or no access token. */
const maxLifetime = 400 * 86_400
const maxGroups = 2_000
const maxListed = 100
const text = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/

/** When a token was made, when it ends, and when the person signed in, if it says so. */
export interface Times {
  readonly issuedAt: EpochSeconds
  readonly expiresAt: EpochSeconds
  readonly authTime?: EpochSeconds
}

const refused = (): SallyportError => new SallyportError('token_claims_invalid')

/**
 * `exp` and `iat` are required and numbers (RFC 9068 §2.2); `skew` is given to each comparison once. A sign-in
 * cannot be later than the token it led to.
 * @throws token_claims_invalid, token_expired, token_not_yet_valid
 */
export function readTimes(payload: Claims, now: EpochSeconds, skew: Seconds): Times {
  const exp = readDate(payload, 'exp')
  const iat = readDate(payload, 'iat')
  const nbf = readDate(payload, 'nbf')
  const authTime = readDate(payload, 'auth_time')
  if (exp === undefined || iat === undefined || exp <= iat || exp - now > maxLifetime) throw refused()
  if (authTime !== undefined && authTime > iat + skew) throw refused()
  if (now >= exp + skew) throw new SallyportError('token_expired')
  if (iat > now + skew || (nbf !== undefined && nbf > now + skew)) {
    throw new SallyportError('token_not_yet_valid')
  }
  return {
    issuedAt: epoch(iat),
    expiresAt: epoch(exp),
    ...(authTime === undefined ? {} : { authTime: epoch(authTime) }),
  }
}

function readDate(payload: Claims, name: string): number | undefined {
  const value = payload[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw refused()
  return value
}

/** A name of 1 to 255 printable ASCII characters that neither begins nor ends with a space. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && text.test(value)
}

/** @throws token_claims_invalid where the claim is there and is no name */
export function readName(payload: Claims, name: string): string | undefined {
  const value = payload[name]
  if (value === undefined) return undefined
  if (!isName(value)) throw refused()
  return value
}

/** `aud` as a list (RFC 7519 §4.1.3). @throws token_claims_invalid */
export function readAudience(payload: Claims): readonly string[] {
  const { aud } = payload
  const listed: unknown = aud === undefined ? [] : Array.isArray(aud) ? aud : [aud]
  if (!isTexts(listed) || listed.length > maxListed) throw refused()
  return listed
}

/**
 * The client at the identity provider that the token was issued to: `client_id` (RFC 9068), `azp` (OIDC, Keycloak),
 * `cid` (Okta) or `appid` (Entra). Where several are given they have to agree. @throws token_claims_invalid
 */
export function readClient(payload: Claims): string | undefined {
  const named = new Set<string>()
  for (const claim of ['client_id', 'azp', 'cid', 'appid']) {
    const name = readName(payload, claim)
    if (name !== undefined) named.add(name)
  }
  if (named.size > 1) throw refused()
  return named.values().next().value
}

/** `scope` (RFC 9068 §2.2.3) or `scp` (Okta, Entra), as text or list. @throws token_claims_invalid */
export function readScopes(payload: Claims): readonly string[] {
  const value = payload['scope'] ?? payload['scp']
  if (value === undefined) return []
  const listed: unknown = typeof value === 'string' ? value.split(' ').filter((part) => part !== '') : value
  if (!isTexts(listed) || listed.length > maxListed || !listed.every(isScopeToken)) throw refused()
  return [...new Set(listed)]
}

/** One scope as RFC 6749 §3.3 spells it. */
export function isScopeToken(value: string): boolean {
  return scopeToken.test(value)
}

/** Groups, and whether they are all of them. */
export interface Groups {
  readonly groups: readonly string[]
  readonly groupsComplete: boolean
}

/**
 * Groups from the configured claim, which may be a path (`realm_access.roles`). An absent, oversized or odd claim,
 * or one that Entra moved elsewhere because it grew too long (`_claim_names`, `hasgroups`), is an incomplete list.
 */
export function readGroups(payload: Claims, claim: string): Groups {
  const value = claimAt(payload, claim)
  const moved = payload['_claim_names']
  const overage = Object.hasOwn(payload, 'hasgroups') || (isObject(moved) && Object.hasOwn(moved, claim))
  const listed: unknown = typeof value === 'string' ? [value] : value
  if (!Array.isArray(listed)) return { groups: [], groupsComplete: false }
  const groups = listed.slice(0, maxGroups).filter((group) => typeof group === 'string' && isGroup(group))
  return { groups, groupsComplete: !overage && groups.length === listed.length }
}

const isGroup = (group: string): boolean => group.length > 0 && group.length <= 512

/** A claim by its literal name, else by a path of names with dots between them. */
export function claimAt(payload: Claims, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path]
  let value: unknown = payload
  for (const name of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string' && entry !== '')
}
