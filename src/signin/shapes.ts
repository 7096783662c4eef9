import type { FastifyInstance } from 'fastify'
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
  /**
   * What policy knows it by: a verified name, or `unverified`. For a client that is not configured it depends on
   * where it is answered, so it is known only once a redirect URI is: a refresh takes it from the sign-in.
   */
  readonly name: string
  /** What pages call it, where somebody vouches for its name. */
  readonly title?: string
  /** What it says of itself; shown to people as that, and never trusted. */
  readonly says?: string
  /** Compared exactly; a loopback one without its port (RFC 8252 §7.3). */
  readonly redirects: readonly string[]
  readonly authentication: ClientAuthentication
  /** OAuth grant types that it may use. */
  readonly grants: readonly string[]
  /** Names of the servers that it may be used with; all where it is left out. */
  readonly servers?: readonly string[]
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

/** The token endpoint's half of the room, as the door sees it. */
export interface Tokens {
  /** The grant types that are served. */
  readonly grants: readonly string[]
  /**
   * An authorization code: good once, for a minute (RFC 6749 §4.1.2).
   * @throws sign_in_too_old where this client's session at this server ended after the person had signed in
   */
  issueCode(approved: Approved): Promise<string>
  /** Token endpoint, keys and revocation, in a scope that pages of any origin may ask. */
  mount(app: FastifyInstance): void
  /** Looks after sign-ins that nobody asks for: once a minute. Never throws. */
  upkeep(): Promise<void>
}
