import { SallyportError } from '../model/index.ts'
import type { Claims } from './compact.ts'

/** Says in a configured list that a token without a `typ` header is taken. */
const untyped = 'none'

/** Types that are never access tokens, whatever an operator lists. */
const neverAccess: ReadonlySet<string> = new Set([
  'dpop+jwt',
  'id_token+jwt',
  'logout+jwt',
  'oauth-id-jag+jwt',
  'rt+jwt',
  'secevent+jwt',
  'token-introspection+jwt',
  'txntoken+jwt',
])

/** The media type of RFC 7515 §4.1.9: without `application/`, in lower case. */
const normal = (typ: string): string => typ.toLowerCase().replace(/^application\//, '')

/**
 * The `typ` values that an issuer's access tokens may have: `at+jwt` (RFC 9068 §2.1) and what is configured.
 * @throws config_invalid where a listed type belongs to another kind of token
 */
export function acceptedTypes(extra: readonly string[], field: string): ReadonlySet<string> {
  const types = new Set(['at+jwt'])
  for (const typ of extra.map(normal)) {
    if (neverAccess.has(typ)) {
      throw new SallyportError('config_invalid', {
        field,
        remedy: `${typ} is never the type of an access token; remove it`,
      })
    }
    types.add(typ)
  }
  return types
}

/** The normalised type of a token. @throws token_type_refused */
export function checkType(header: Claims, accepted: ReadonlySet<string>): string {
  const { typ } = header
  const type = typ === undefined ? untyped : typeof typ === 'string' && typ !== untyped ? normal(typ) : ''
  if (!accepted.has(type)) throw new SallyportError('token_type_refused')
  return type
}

/** Claims that only ID tokens, logout and security event tokens, DPoP proofs and transaction tokens carry. */
const foreignMarks = [
  'at_hash',
  'c_hash',
  's_hash',
  'events',
  'htm',
  'htu',
  'ath',
  'req_wl',
  'tctx',
  'rctx',
] as const

/**
 * Refuses what is no access token although its header does not say so: many providers give every JWT the type
 * `JWT`. Keycloak tells its kinds apart by a claim `typ`, Cognito by `token_use`. A `nonce` marks an ID token
 * unless the provider says otherwise (Keycloak before 24 copied it into access tokens).
 * @throws token_type_refused
 */
export function refuseOtherKinds(payload: Claims): void {
  const says = saysAccess(payload)
  const marked = foreignMarks.some((name) => Object.hasOwn(payload, name))
  if (says === false || marked || (Object.hasOwn(payload, 'nonce') && says !== true)) {
    throw new SallyportError('token_type_refused')
  }
}

/**
 * A user's token of a generic type has to show that it is an access token: by the provider's own word, a scope or
 * a `client_id`. An ID token without a nonce shows none of these. @throws token_type_refused
 */
export function requireAccessMark(payload: Claims): void {
  const marks = ['scope', 'scp', 'client_id']
  if (saysAccess(payload) !== true && !marks.some((name) => Object.hasOwn(payload, name))) {
    throw new SallyportError('token_type_refused')
  }
}

/** What the provider itself says in the payload; undefined where it says nothing. */
function saysAccess(payload: Claims): boolean | undefined {
  const { typ, token_use: use } = payload
  if (typ !== undefined && typ !== 'Bearer') return false
  if (use !== undefined && use !== 'access') return false
  return typ === undefined && use === undefined ? undefined : true
}
