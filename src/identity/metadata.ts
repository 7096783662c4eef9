import type { Claims } from './compact.ts'
import { exchangeGrant } from './token-endpoint.ts'

export interface MetadataOptions {
  /** `{url}/egress`. */
  readonly issuer: string
  /** Where the token face is listening, for instance `http://127.0.0.1:9180`. */
  readonly address: string
}

/** Authorization server metadata of the egress (RFC 8414 §2): it exchanges tokens and signs nobody in. */
export function serverMetadata({ issuer, address }: MetadataOptions): Claims {
  const methods = ['client_secret_basic', 'client_secret_post']
  return {
    issuer,
    token_endpoint: `${address}/oauth2/token`,
    introspection_endpoint: `${address}/oauth2/introspect`,
    revocation_endpoint: `${address}/oauth2/revoke`,
    jwks_uri: `${address}/oauth2/jwks`,
    response_types_supported: [],
    grant_types_supported: [exchangeGrant],
    token_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_methods_supported: methods,
  }
}

/** Where the document of `{url}/egress` may be asked for: at the root, and with the issuer's path inserted (RFC 8414 §3.1). */
export function metadataPaths(issuer: string): readonly string[] {
  const base = '/.well-known/oauth-authorization-server'
  return [base, `${base}${new URL(issuer).pathname}`]
}
