import type { SignInSlice } from './slice.ts'

const base = '/.well-known/oauth-authorization-server'
const oidc = '/.well-known/openid-configuration'

/** What a client may ask for. Rules decide what is done, so there is one, and another that says nothing of it. */
const scopes = ['mcp', 'offline_access'] as const

/** Authorization server metadata (RFC 8414 §2), with RFC 9207 §3 and the client ID metadata documents of MCP clients. */
export function serverMetadata({ url, registration }: SignInSlice, grants: readonly string[]): object {
  const methods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']
  const algorithms = ['EdDSA', 'ES256', 'RS256', 'PS256']
  return {
    issuer: url,
    authorization_endpoint: `${url}/oauth2/authorize`,
    token_endpoint: `${url}/oauth2/token`,
    revocation_endpoint: `${url}/oauth2/revoke`,
    ...(registration === 'off' ? {} : { registration_endpoint: `${url}/oauth2/register` }),
    jwks_uri: `${url}/oauth2/keys`,
    scopes_supported: scopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: grants,
    // Enterprise-managed authorization: assertions of the IdP (ID-JAG).
    authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: algorithms,
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
  }
}

/** For clients that know no other form. They expect two more members, though no ID token is ever issued. */
export function openIdMetadata(slice: SignInSlice, grants: readonly string[]): object {
  return {
    ...serverMetadata(slice, grants),
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['EdDSA'],
  }
}

/** The paths of both documents: the issuer's path behind the well-known one, and before it (RFC 8414 §3.1 and §5). */
export function metadataPaths(url: string): {
  readonly oauth: readonly string[]
  readonly oidc: readonly string[]
} {
  const path = new URL(url).pathname.replace(/\/$/, '')
  const both = (name: string) => [...new Set([name, name + path, path + name])]
  return { oauth: both(base), oidc: both(oidc) }
}
