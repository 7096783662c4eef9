import { ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client'
import type { EpochSeconds, ErrorCode } from '../model/index.ts'
import { SallyportError } from '../model/index.ts'
import { MalformedToken } from './claims.ts'
import type { GrantName } from './flavours/flavour.ts'

/** What kind of failure it was, whatever the provider calls it. */
export type FailureClass =
  | 'transient'
  | 'interaction'
  | 'grant_dead'
  | 'subject_bad'
  | 'target_denied'
  | 'operator'
  | 'answer_refused'

export interface Failure {
  readonly class: FailureClass
  readonly code: ErrorCode
  /** Seconds, where the provider said when to come back. */
  readonly retryAfter?: number
}

const codes: Readonly<Record<FailureClass, ErrorCode>> = {
  transient: 'exchange_unavailable',
  interaction: 'interaction_required',
  grant_dead: 'reauth_required',
  subject_bad: 'exchange_subject_refused',
  target_denied: 'exchange_target_refused',
  operator: 'exchange_misconfigured',
  answer_refused: 'exchange_response_refused',
}

/** OAuth errors that mean the same in every grant (RFC 6749 §5.2, RFC 8693 §2.2.2, OIDC Core §3.1.2.6). */
const anyGrant: Readonly<Record<string, FailureClass>> = {
  temporarily_unavailable: 'transient',
  slow_down: 'transient',
  server_error: 'transient',
  interaction_required: 'interaction',
  login_required: 'interaction',
  consent_required: 'interaction',
  insufficient_user_authentication: 'interaction',
  invalid_target: 'target_denied',
  invalid_scope: 'target_denied',
  access_denied: 'target_denied',
  invalid_client: 'operator',
  unauthorized_client: 'operator',
  unsupported_grant_type: 'operator',
  unsupported_token_type: 'operator',
}

/** Errors about what was presented, and who has to act on them: it depends on the grant. */
const aboutGrant: Readonly<Record<GrantName, FailureClass>> = {
  'token-exchange': 'subject_bad',
  'refresh-token': 'grant_dead',
  'client-credentials': 'operator',
  // What the person brought back is no good (any more): only beginning again helps.
  'authorization-code': 'subject_bad',
  assertion: 'subject_bad',
}

/**
 * Keycloak (26.7) says some things under the wrong error. Its sentences are compared, never shown; one that
 * changes falls back to the meaning of the error itself.
 */
const keycloakSentences: readonly { error: string; says: string; class: FailureClass }[] = [
  { error: 'invalid_client', says: 'Audience not found', class: 'target_denied' },
  { error: 'invalid_request', says: 'Requested audience not available', class: 'target_denied' },
  { error: 'invalid_request', says: 'Standard token exchange is not enabled', class: 'operator' },
  { error: 'invalid_request', says: 'requested_token_type unsupported', class: 'operator' },
]

/** Entra's numbers, stable where its sentences are not: consent, multi-factor, busy. */
const entraNumbers: Readonly<Record<number, FailureClass>> = {
  65001: 'interaction',
  50076: 'interaction',
  50079: 'interaction',
  90033: 'transient',
}

function entraClass(body: Record<string, unknown>): FailureClass | undefined {
  if (body['suberror'] === 'consent_required') return 'interaction'
  const numbers = body['error_codes']
  if (!Array.isArray(numbers)) return undefined
  for (const number of numbers) {
    const found = typeof number === 'number' ? entraNumbers[number] : undefined
    if (found !== undefined) return found
  }
  return undefined
}

function bodyClass(error: ResponseBodyError, grant: GrantName): FailureClass {
  const description = error.error_description ?? ''
  const keycloak = keycloakSentences.find(
    (row) => row.error === error.error && description.startsWith(row.says),
  )
  const vendor = keycloak?.class ?? entraClass(error.cause)
  if (vendor !== undefined) return vendor
  if (error.status === 429) return 'transient'
  const known = Object.hasOwn(anyGrant, error.error) ? anyGrant[error.error] : undefined
  if (known !== undefined) return known
  if (error.error === 'invalid_grant' || error.error === 'invalid_token') return aboutGrant[grant]
  // RFC 8693 §2.2.2: a subject token that is not accepted is an invalid_request.
  if (error.error === 'invalid_request' && grant === 'token-exchange') return 'subject_bad'
  return 'operator'
}

function statusClass(status: number): FailureClass {
  if (status === 429 || status >= 500) return 'transient'
  return status < 300 ? 'answer_refused' : 'operator'
}

/** The library's own codes for answers that are no token answer, and for metadata that is none. */
const libraryClasses: Readonly<Record<string, FailureClass>> = {
  OAUTH_RESPONSE_IS_NOT_JSON: 'answer_refused',
  OAUTH_PARSE_ERROR: 'answer_refused',
  OAUTH_INVALID_RESPONSE: 'answer_refused',
  OAUTH_UNSUPPORTED_OPERATION: 'answer_refused',
  OAUTH_JWT_CLAIM_COMPARISON_FAILED: 'answer_refused',
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: 'answer_refused',
  OAUTH_MISSING_SERVER_METADATA: 'operator',
  OAUTH_INVALID_SERVER_METADATA: 'operator',
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: 'operator',
  OAUTH_HTTP_REQUEST_FORBIDDEN: 'operator',
  OAUTH_REQUEST_PROTOCOL_FORBIDDEN: 'operator',
}

/** The HTTP response that an error of the library came from, if there was one. */
function responseOf(error: unknown): Response | undefined {
  if (error instanceof ResponseBodyError || error instanceof WWWAuthenticateChallengeError)
    return error.response
  if (error instanceof ClientError && error.cause instanceof Response) return error.cause
  return undefined
}

function retryAfterOf(response: Response | undefined, now: EpochSeconds): number | undefined {
  const value = response?.headers.get('retry-after') ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value)
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil(at / 1000 - now))
}

function classOf(error: unknown, grant: GrantName): FailureClass {
  if (error instanceof ResponseBodyError) return bodyClass(error, grant)
  if (error instanceof MalformedToken) return 'answer_refused'
  if (error instanceof WWWAuthenticateChallengeError) return statusClass(error.status)
  const response = responseOf(error)
  if (response !== undefined && !response.ok) return statusClass(response.status)
  if (error instanceof ClientError && error.code !== undefined)
    return libraryClasses[error.code] ?? 'transient'
  return 'transient'
}

/** Failures of ours on the way to the provider that waiting does not mend. */
const operatorCodes: readonly ErrorCode[] = ['address_refused', 'exchange_misconfigured']

/**
 * What a failed token call means. Pure. Everything that is not known to be something else is `transient`: no
 * grant is given up and nobody is sent away to sign in for a fault of the network.
 */
export function classify(error: unknown, grant: GrantName, now: EpochSeconds): Failure {
  if (error instanceof SallyportError && operatorCodes.includes(error.code)) {
    return { class: 'operator', code: error.code }
  }
  const found = classOf(error, grant)
  const retryAfter = found === 'transient' ? retryAfterOf(responseOf(error), now) : undefined
  return { class: found, code: codes[found], ...(retryAfter === undefined ? {} : { retryAfter }) }
}
