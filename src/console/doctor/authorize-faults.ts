import type { FindingCode } from './finding.ts'
import type { IdpKind } from './idp.ts'

/** What the authorization endpoint did with a request that shows no page (`prompt=none`, OIDC Core §3.1.2.1). */
export interface Sent {
  readonly status: number
  /** `error` of a redirect back to our own redirect URI; undefined where it did not send back there. */
  readonly error?: string
  readonly description?: string
  /** Numbers of Entra in its page. */
  readonly numbers: readonly number[]
  /** Words of the page, in lower case, where it is one. */
  readonly page: string
}

/** Errors that come after everything that was to be looked at: nobody is signed in (OIDC Core §3.1.2.6). */
const nobody = new Set([
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
])

type Meaning = FindingCode | 'passed' | 'unknown'

const redirects: Readonly<Record<IdpKind, FindingCode>> = {
  keycloak: 'keycloak_redirect_unregistered',
  entra: 'entra_redirect_unregistered',
  okta: 'okta_redirect_unregistered',
  auth0: 'auth0_callback_unregistered',
  other: 'redirect_unregistered',
}

const entraPages: Readonly<Record<number, FindingCode>> = {
  50011: 'entra_redirect_unregistered',
  700016: 'entra_app_unknown',
  90002: 'entra_tenant_unknown',
  650053: 'entra_scope_unexposed',
  500011: 'entra_scope_unexposed',
  70011: 'entra_scope_unexposed',
}

/** A redirect to us with an error: the client and the redirect URI are known, something else is not right. */
function sentBack(idp: IdpKind, { error = '', description = '' }: Sent): Meaning {
  if (nobody.has(error)) return 'passed'
  if (error === 'invalid_scope')
    return idp === 'keycloak' ? 'keycloak_login_scope_unassigned' : 'login_scope_refused'
  if (idp !== 'keycloak') return 'login_refused'
  if (error === 'unauthorized_client') return 'keycloak_standard_flow_off'
  if (error === 'invalid_request' && /code challenge/i.test(description)) return 'keycloak_pkce_other'
  return 'login_refused'
}

/** An error page instead (RFC 6749 §4.1.2.1): the client or the redirect URI is not known. */
function stayed(idp: IdpKind, { status, numbers, page }: Sent): Meaning {
  for (const number of numbers) {
    const found = idp === 'entra' ? entraPages[number] : undefined
    if (found !== undefined) return found
  }
  if (status < 400) return 'unknown'
  if (idp === 'keycloak' && page.includes('client not found')) return 'keycloak_client_unknown'
  if (idp === 'keycloak' && page.includes('client disabled')) return 'keycloak_client_disabled'
  // In another language than English Keycloak's page tells these apart by its address alone, which is none.
  return status < 500 ? redirects[idp] : 'unknown'
}

/** What it means. Pure. `unknown`: neither right nor wrong. */
export function authorizeFault(idp: IdpKind, sent: Sent): Meaning {
  return sent.error === undefined ? stayed(idp, sent) : sentBack(idp, sent)
}

/** Which code names the missing right to `offline_access`. */
export const offlineFaults: Readonly<Partial<Record<IdpKind, FindingCode>>> = {
  keycloak: 'keycloak_offline_access_unassigned',
  okta: 'okta_refresh_grant_off',
}
