import type { FindingCode } from './finding.ts'
import type { IdpKind } from './idp.ts'

/** What a token endpoint refused with (RFC 6749 §5.2); Entra adds numbers. */
export interface Refusal {
  readonly status: number
  readonly error: string
  readonly description: string
  readonly numbers: readonly number[]
}

/**
 * Which request was refused. `client`: one that only shows whether the client is taken. `canary`: the client's own
 * token, as a subject for trials. `credentials`: the same as a downstream's credential.
 */
export type Asked = 'client' | 'canary' | 'credentials' | 'exchange'

/** `passed`: refused for what was wrong with the trial itself, after everything that was to be looked at. */
export type Meaning = FindingCode | 'passed'

/** The first row that fits counts. What is left out fits everything; `says` is how the description begins. */
interface Fault {
  readonly asked?: readonly Asked[]
  readonly error?: string
  readonly says?: string
  readonly number?: number
  readonly status?: number
  readonly means: Meaning
}

const exchange = ['exchange'] as const
const own = ['canary', 'credentials'] as const
const forDownstream = ['credentials', 'exchange'] as const

/** Bodies as Keycloak 26.7.3 gives them; each is tried for real in test/real/doctor-keycloak.test.ts. */
const keycloak: readonly Fault[] = [
  {
    error: 'unauthorized_client',
    says: 'Invalid client or Invalid client credentials',
    means: 'keycloak_secret_wrong',
  },
  {
    error: 'invalid_client',
    says: 'Invalid client or Invalid client credentials',
    means: 'keycloak_client_unknown',
  },
  { error: 'invalid_client', says: 'Parameter client_assertion', means: 'keycloak_authenticator_other' },
  { error: 'unauthorized_client', says: 'Public client', means: 'keycloak_client_public' },
  { error: 'invalid_client', says: 'Public client', means: 'keycloak_client_public' },
  {
    asked: own,
    error: 'unauthorized_client',
    says: 'Client not enabled to retrieve service account',
    means: 'keycloak_service_accounts_off',
  },
  {
    error: 'invalid_request',
    says: 'Standard token exchange is not enabled',
    means: 'keycloak_exchange_off',
  },
  {
    error: 'invalid_request',
    says: 'requested_token_type unsupported',
    means: 'keycloak_exchange_refresh_off',
  },
  { error: 'invalid_request', says: 'Refresh token not valid as requested_token_type', means: 'passed' },
  { asked: exchange, says: 'Client is not within the token audience', means: 'keycloak_subject_audience' },
  { error: 'invalid_client', says: 'Audience not found', means: 'keycloak_audience_unknown' },
  { error: 'invalid_request', says: 'Requested audience not available', means: 'keycloak_audience_unmapped' },
  { asked: forDownstream, error: 'invalid_scope', means: 'keycloak_scope_unassigned' },
]

/**
 * From Microsoft's list of error codes and its page on the on-behalf-of flow. Numbers are compared, never sentences.
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const entra: readonly Fault[] = [
  { number: 90002, means: 'entra_tenant_unknown' },
  { number: 700016, means: 'entra_app_unknown' },
  { number: 7000215, means: 'entra_secret_wrong' },
  { number: 7000222, means: 'entra_secret_expired' },
  { number: 700027, means: 'entra_key_unknown' },
  { asked: exchange, number: 70003, means: 'entra_grant_unsupported' },
  { asked: exchange, error: 'unsupported_grant_type', means: 'entra_grant_unsupported' },
  { asked: exchange, number: 65001, means: 'entra_consent_missing' },
  { asked: exchange, number: 500131, means: 'entra_assertion_audience' },
  { asked: exchange, number: 500133, means: 'entra_assertion_refused' },
  { asked: exchange, number: 50013, means: 'entra_assertion_refused' },
  { asked: exchange, number: 50027, means: 'entra_assertion_refused' },
  { asked: forDownstream, number: 500011, means: 'entra_resource_unknown' },
  { asked: ['client', 'canary'], number: 500011, means: 'entra_scope_unexposed' },
  { asked: forDownstream, number: 70011, means: 'entra_scope_invalid' },
  { asked: forDownstream, number: 1002012, means: 'entra_scope_invalid' },
  { asked: exchange, number: 50076, means: 'entra_interaction' },
  { asked: exchange, number: 50079, means: 'entra_interaction' },
  { asked: exchange, number: 53003, means: 'entra_interaction' },
]

/** From Okta's documents and what others report of it; not tried on an Okta. */
const okta: readonly Fault[] = [
  { error: 'invalid_client', says: 'The client secret supplied', means: 'okta_secret_wrong' },
  { error: 'invalid_client', says: 'Invalid value for', means: 'okta_client_unknown' },
  { error: 'invalid_client', says: 'Client authentication failed', means: 'okta_secret_wrong' },
  { error: 'invalid_client', means: 'okta_client_unknown' },
  { asked: exchange, error: 'unauthorized_client', means: 'okta_exchange_grant_off' },
  { asked: exchange, error: 'unsupported_grant_type', means: 'okta_org_server' },
  { asked: ['credentials'], error: 'unauthorized_client', means: 'okta_credentials_grant_off' },
  { asked: forDownstream, error: 'access_denied', means: 'okta_policy' },
  { asked: forDownstream, error: 'invalid_scope', means: 'okta_scope_unknown' },
  { asked: forDownstream, error: 'invalid_target', means: 'okta_audience_fixed' },
]

/** From Auth0's documents and what others report of it; not tried on an Auth0. */
const auth0: readonly Fault[] = [
  { error: 'access_denied', says: 'Service not enabled within domain', means: 'auth0_api_unknown' },
  { error: 'access_denied', says: 'Client is not authorized', means: 'auth0_api_unauthorized' },
  { error: 'access_denied', says: 'Client "', means: 'auth0_api_unauthorized' },
  { asked: forDownstream, error: 'unauthorized_client', says: 'Grant type', means: 'auth0_grant_off' },
  { error: 'access_denied', says: 'Unauthorized', means: 'auth0_client_refused' },
  { error: 'invalid_client', means: 'auth0_client_refused' },
  { error: 'unauthorized_client', says: 'Unknown client', means: 'auth0_client_unknown' },
  { asked: exchange, error: 'unauthorized_client', means: 'auth0_grant_off' },
]

/** What the words of the RFCs mean at any server (RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8707 §2). */
const any: readonly Fault[] = [
  { error: 'invalid_client', means: 'client_refused' },
  { status: 401, asked: ['client', 'canary'], means: 'client_refused' },
  { asked: ['client', 'canary'], means: 'passed' },
  { error: 'unauthorized_client', means: 'grant_refused' },
  { error: 'unsupported_grant_type', means: 'grant_refused' },
  { error: 'invalid_target', means: 'target_refused' },
  { error: 'access_denied', means: 'target_refused' },
  { error: 'invalid_scope', means: 'scope_refused' },
  { asked: exchange, error: 'invalid_grant', means: 'subject_refused' },
  { asked: exchange, error: 'invalid_token', means: 'subject_refused' },
  { asked: exchange, error: 'invalid_request', means: 'subject_refused' },
  { means: 'exchange_refused' },
]

const tables: Readonly<Record<IdpKind, readonly Fault[]>> = { keycloak, entra, okta, auth0, other: [] }

/**
 * What a refusal means, by the tables of the IdP and then by the RFCs. Pure. Descriptions are compared here and go
 * no further.
 */
export function tokenFault(idp: IdpKind, asked: Asked, refusal: Refusal): Meaning {
  const fits = (row: Fault): boolean =>
    (row.asked?.includes(asked) ?? true) &&
    (row.error === undefined || row.error === refusal.error) &&
    (row.says === undefined || refusal.description.startsWith(row.says)) &&
    (row.number === undefined || refusal.numbers.includes(row.number)) &&
    (row.status === undefined || row.status === refusal.status)
  return [...tables[idp], ...any].find(fits)?.means ?? 'exchange_refused'
}
