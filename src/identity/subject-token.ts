import {
  type Clock,
  type Principal,
  type PrincipalKind,
  SallyportError,
  Secret,
  type Server,
} from '../model/index.ts'
import { checkAudience, checkWorkloadAudience } from './audience.ts'
import { readAudience, readClient, readName, readScopes, readTimes } from './claims.ts'
import { type Claims, claimedIssuer, parseCompact } from './compact.ts'
import { type Caller, readDelegation } from './delegation.ts'
import type { VerifiedSubject } from './identity.ts'
import { groupsOf, verifySignature, workflowOf } from './issuer-token.ts'
import type { Issuer } from './issuers.ts'
import { checkTenant } from './login-claims.ts'
import { checkType, refuseOtherKinds, requireAccessMark } from './token-type.ts'

/** The name of a client that the provider did not name. No rule can name it as a verified one. */
const unnamedClient = 'unverified'

export interface SubjectOptions {
  readonly url: string
  readonly tenant: string
}

export interface SubjectDeps {
  readonly issuers: ReadonlyMap<string, Issuer>
  readonly clock: Clock
}

/** Where a token is shown, and by whom. */
export interface Presented {
  readonly server: Server
  readonly caller: Caller
}

/**
 * Verify a foreign token as the subject of a session at one server: form, issuer, type, algorithm, signature, time,
 * kind of principal, audience, tenant, delegation, in that order. The unverified `iss` chooses the issuer by exact
 * match, and only that issuer's keys are tried.
 * @throws token_* codes, idp_unavailable, idp_metadata_refused
 */
export async function verifySubjectToken(
  token: string,
  { server, caller }: Presented,
  options: SubjectOptions,
  deps: SubjectDeps,
): Promise<VerifiedSubject> {
  const jws = parseCompact(token)
  const name = claimedIssuer(jws)
  if (name === options.url || name === `${options.url}/egress`) throw new SallyportError('token_is_session')
  const issuer = deps.issuers.get(name)
  if (issuer === undefined) throw new SallyportError('token_issuer_unknown')
  const type = checkType(jws.header, new Set([...issuer.types.user, ...issuer.types.workload]))
  await verifySignature(token, jws, issuer)
  const { payload } = jws
  const times = readTimes(payload, deps.clock.now(), issuer.skew)
  if (Object.hasOwn(payload, 'cnf')) throw new SallyportError('token_binding_refused')
  refuseOtherKinds(payload)
  const subject = readName(payload, 'sub')
  if (subject === undefined) throw new SallyportError('token_claims_invalid')
  const kind = kindOf(payload, subject, server, issuer)
  if (!issuer.types[kind].has(type)) throw new SallyportError('token_type_refused')
  const client = kind === 'user' ? userClient(payload, type) : (readClient(payload) ?? subject)
  if (issuer.login !== undefined) checkTenant(payload, issuer.login)
  const principal: Principal = { kind, tenant: options.tenant, issuer: issuer.issuer, subject }
  const idpSid = readName(payload, 'sid')
  return {
    principal,
    client,
    ...times,
    ...(idpSid === undefined ? {} : { idpSid }),
    scopes: readScopes(payload),
    ...groupsOf(payload, kind, issuer),
    ...workflowOf(payload, principal, issuer),
    ...readDelegation(payload, caller, options.url),
    token: new Secret(token, 'subject token'),
  }
}

/**
 * A workload is whom a workload rule names; a user is anyone else of a login issuer, unless the token itself says
 * that a client acts as itself. So a service account never passes for a person. The audience is checked here, since
 * each kind has its own.
 * @throws token_principal_refused, token_audience_refused, token_audience_extra
 */
function kindOf(payload: Claims, subject: string, server: Server, issuer: Issuer): PrincipalKind {
  const audience = readAudience(payload)
  const rules = issuer.workloads.filter((rule) => rule.matches(subject))
  const [first] = rules
  if (first !== undefined) {
    const rule = rules.find((candidate) => audience.includes(candidate.audience)) ?? first
    checkWorkloadAudience(audience, rule.audience, server)
    return 'workload'
  }
  if (issuer.login === undefined) throw new SallyportError('token_principal_refused')
  checkAudience(audience, server)
  if (isClientItself(payload, subject)) throw new SallyportError('token_principal_refused')
  return 'user'
}

/** RFC 9068 §5 (`sub` is the client), Entra (`idtyp`), Auth0 (`gty`, `@clients`), Keycloak. */
function isClientItself(payload: Claims, subject: string): boolean {
  const client = readClient(payload)
  return (
    (client !== undefined && (subject === client || subject === `${client}@clients`)) ||
    payload['idtyp'] === 'app' ||
    payload['gty'] === 'client-credentials' ||
    isKeycloakServiceAccount(payload, client)
  )
}

/**
 * Keycloak gives a service account an opaque `sub`. What tells it is its user name, the claims of the scope
 * `service_account`, or, where a realm leaves both out, that no session stands behind the token: a person's has one.
 */
function isKeycloakServiceAccount(payload: Claims, client: string | undefined): boolean {
  const session = ['sid', 'session_state', 'auth_time'].some((name) => Object.hasOwn(payload, name))
  return (
    (client !== undefined && payload['preferred_username'] === `service-account-${client.toLowerCase()}`) ||
    (Object.hasOwn(payload, 'clientHost') && Object.hasOwn(payload, 'clientAddress')) ||
    (payload['typ'] === 'Bearer' && !session)
  )
}

/** RFC 9068 §2.2 requires `client_id` and `jti` of an `at+jwt`; other types have to look like an access token. */
function userClient(payload: Claims, type: string): string {
  const client = readClient(payload)
  if (type !== 'at+jwt') requireAccessMark(payload)
  else if (client === undefined || readName(payload, 'jti') === undefined) {
    throw new SallyportError('token_claims_invalid')
  }
  return client ?? unnamedClient
}
