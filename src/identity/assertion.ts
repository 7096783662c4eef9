import {
  type Clock,
  type EpochSeconds,
  type Principal,
  SallyportError,
  type Seconds,
} from '../model/index.ts'
import { readAudience, readName, readScopes, readTimes } from './claims.ts'
import { type Claims, claimedIssuer, parseCompact } from './compact.ts'
import { readDelegation } from './delegation.ts'
import type { VerifiedSubject } from './identity.ts'
import { groupsOf, verifySignature, workflowOf } from './issuer-token.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { asymmetricAlgorithms } from './issuers.ts'
import { checkTenant } from './login-claims.ts'
import type { SubjectDeps, SubjectOptions } from './subject-token.ts'
import { checkType } from './token-type.ts'

/** What may be shown once only: until then it has to be remembered. */
export interface Once {
  readonly issuer: string
  readonly jti: string
  readonly until: EpochSeconds
}

/** An assertion of a person's IdP that a client of ours may act for them at one of our servers. */
export interface IdJag {
  /** `client` is the one client of ours that may use it. */
  readonly subject: VerifiedSubject
  readonly resource: string
  readonly once: Once
}

const idJagTypes = new Set(['oauth-id-jag+jwt'])

/**
 * Verify an identity assertion JWT authorization grant (draft-ietf-oauth-identity-assertion-authz-grant §5) as MCP's
 * enterprise-managed authorization has it: of a configured issuer, for us alone, for one client and one resource.
 * Whether it was shown before is the caller's to find out.
 * @throws token_* codes, idp_unavailable, idp_metadata_refused
 */
export async function verifyIdJag(
  assertion: string,
  options: SubjectOptions,
  deps: SubjectDeps,
): Promise<IdJag> {
  const jws = parseCompact(assertion)
  const issuer = deps.issuers.get(claimedIssuer(jws))
  if (issuer === undefined) throw new SallyportError('token_issuer_unknown')
  checkType(jws.header, idJagTypes)
  await verifySignature(assertion, jws, issuer)
  const { payload } = jws
  const { expiresAt, ...times } = readTimes(payload, deps.clock.now(), issuer.skew)
  if (Object.hasOwn(payload, 'cnf')) throw new SallyportError('token_binding_refused')
  checkOnlyAudience(payload, options.url)
  const name = required(payload, 'sub')
  if (issuer.login !== undefined) checkTenant(payload, issuer.login)
  const kind = issuer.workloads.some((rule) => rule.matches(name)) ? 'workload' : 'user'
  if (kind === 'user' && issuer.login === undefined) throw new SallyportError('token_principal_refused')
  const principal: Principal = { kind, tenant: options.tenant, issuer: issuer.issuer, subject: name }
  const client = required(payload, 'client_id')
  return {
    subject: {
      principal,
      client,
      ...times,
      expiresAt,
      scopes: readScopes(payload),
      ...groupsOf(payload, kind, issuer),
      ...workflowOf(payload, principal, issuer),
      ...readDelegation(payload, { subject: client, client }, options.url),
    },
    resource: onlyResource(payload),
    once: { issuer: issuer.issuer, jti: required(payload, 'jti'), until: later(expiresAt, issuer.skew) },
  }
}

const refused = (): SallyportError => new SallyportError('token_claims_invalid')

/** For as long as the clocks' difference lets it pass. */
const later = (at: EpochSeconds, skew: Seconds): EpochSeconds => (at + skew) as EpochSeconds

function required(payload: Claims, claim: string): string {
  const value = readName(payload, claim)
  if (value === undefined) throw refused()
  return value
}

/** Nobody else may be named: it could be shown there too. @throws token_audience_refused */
function checkOnlyAudience(payload: Claims, url: string): void {
  const [audience, ...more] = readAudience(payload)
  if (audience !== url || more.length > 0) throw new SallyportError('token_audience_refused')
}

function onlyResource({ resource }: Claims): string {
  const listed: unknown = Array.isArray(resource) && resource.length === 1 ? resource[0] : resource
  if (typeof listed !== 'string' || listed === '') throw refused()
  return listed
}

const clientTypes = new Set(['none', 'jwt', 'client-authentication+jwt'])
/** No client needs one that lives longer, and each is remembered as long as it lives. In seconds. */
const longestLife = 600

/**
 * Verify a client's own assertion (`private_key_jwt`, RFC 7523 §3) as draft-ietf-oauth-rfc7523bis §4 has it: `aud` is our
 * issuer as one text, so that an assertion for another server is never taken, nor ours by another.
 * @throws token_* codes, and what its keys throw
 */
export async function verifyClientAssertion(
  assertion: string,
  expected: { readonly client: string; readonly audience: string; readonly keys: IssuerKeys },
  { clock, skew }: { readonly clock: Clock; readonly skew: Seconds },
): Promise<Once> {
  const jws = parseCompact(assertion)
  const { payload } = jws
  checkType(jws.header, clientTypes)
  const { client, audience, keys } = expected
  if (payload['iss'] !== client || payload['sub'] !== client) throw refused()
  if (payload['aud'] !== audience) throw new SallyportError('token_audience_refused')
  await verifySignature(assertion, jws, { algorithms: asymmetricAlgorithms, keys })
  const now = clock.now()
  // It need not say when it was made (RFC 7523 §3).
  const { expiresAt } = readTimes({ iat: 0, ...payload }, now, skew)
  if (expiresAt > now + longestLife) throw refused()
  return { issuer: client, jti: required(payload, 'jti'), until: later(expiresAt, skew) }
}

/** The client that an assertion says it is of; good for finding its keys, and for nothing else. */
export function claimedClient(assertion: string): string | undefined {
  return readName(parseCompact(assertion).payload, 'sub')
}
