import type { Secret, Seq, Server, Visitor } from '../model/index.ts'

/** How a client shows that it is itself at the token endpoint (RFC 7591 §2, `token_endpoint_auth_method`). */
export type ClientAuthentication =
  | { readonly method: 'none' }
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: Secret }
  | { readonly method: 'private_key_jwt'; readonly jwks: { readonly keys: readonly object[] } | string }

/** A registration of an MCP client, wherever it comes from: the configuration, its metadata document, or RFC 7591. */
export interface Client {
  /** The `client_id`. */
  readonly id: string
  /** What policy knows it by: a verified name, or `unverified`. */
  readonly name: string
  /** What it says of itself; shown to people as that, and never trusted. */
  readonly says?: string
  /** Compared exactly; a loopback one without its port (RFC 8252 §7.3). */
  readonly redirects: readonly string[]
  readonly authentication: ClientAuthentication
  /** OAuth grant types that it may use. */
  readonly grants: readonly string[]
}

/** What a person agreed to: an authorization code is made of it, once. */
export interface Approved {
  readonly client: Client
  readonly redirect: string
  /** `code_challenge`, S256 (RFC 7636 §4.2). */
  readonly challenge: string
  readonly server: Server
  readonly scopes: readonly string[]
  readonly visitor: Visitor
  readonly rev: Seq
}
