/** Whose words an IdP speaks, told from its metadata. */
export type IdpKind = 'keycloak' | 'entra' | 'okta' | 'auth0' | 'other'

export const idpNames: Readonly<Record<IdpKind, string>> = {
  keycloak: 'Keycloak',
  entra: 'Microsoft Entra',
  okta: 'Okta',
  auth0: 'Auth0',
  other: 'another IdP',
}

export type Metadata = Readonly<Record<string, unknown>>

const pathOf = (value: unknown): string =>
  typeof value === 'string' ? (URL.parse(value)?.pathname ?? '') : ''

/**
 * By the shape of its endpoints, which is the same behind a domain of one's own; hosts are never compared, so that
 * what behaves like one of them is taken for it.
 */
export function idpKind(metadata: Metadata): IdpKind {
  const token = pathOf(metadata['token_endpoint'])
  if (/\/realms\/[^/]+\/protocol\/openid-connect\/token$/.test(token)) return 'keycloak'
  if ('tenant_region_scope' in metadata || /\/oauth2\/v2\.0\/token$/.test(token)) return 'entra'
  if (/\/oauth2(\/[^/]+)?\/v1\/token$/.test(token)) return 'okta'
  if (/\/oauth\/token$/.test(token) && 'mfa_challenge_endpoint' in metadata) return 'auth0'
  return 'other'
}
