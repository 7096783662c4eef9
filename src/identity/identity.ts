import type { JWK } from 'jose'
import type { Access, Actor, EpochSeconds, Principal, Seconds, Secret, Server } from '../model/index.ts'
import type { CompactJws } from './compact.ts'
import type { Caller } from './delegation.ts'

/** An identity provider whose tokens say who a person is. */
export interface LoginIssuer {
  /** Exactly as it stands in `iss` and in the provider's metadata. */
  readonly issuer: string
  /** A claim's name, or a path with dots. */
  readonly groupsClaim: string
  /** A token whose claim is not this value belongs to somebody else; it never chooses a tenant. */
  readonly tenantClaim?: { readonly name: string; readonly value: string }
  /** The claim that names the workflow; without it nothing does. */
  readonly workflowClaim?: string
  readonly algorithms: readonly string[]
  /** JWT `typ` values besides `at+jwt`; `none` for a provider that sets no `typ`. */
  readonly types: readonly string[]
  /** At most 60 s are given. */
  readonly skew: Seconds
  /** Keys at hand instead of discovery, for an issuer in this very process. */
  readonly keys?: () => { readonly keys: readonly JWK[] }
}

/** An issuer of workload tokens, such as a cluster. */
export interface WorkloadIssuer {
  readonly issuer: string
  readonly audience: string
  /** Exact subjects or patterns; `*` stands for characters other than `:` and `/`. */
  readonly subjects: readonly string[]
  /** The claim that names the workflow, such as `job_workflow_ref` of GitHub Actions. */
  readonly workflowClaim?: string
}

/** Whoever stands behind a token that was verified, a foreign one or an access token of our own. */
export interface VerifiedSubject {
  readonly principal: Principal
  /** `client_id`, `azp`, `cid` or `appid` of the token; `unverified` where a user's token has none. */
  readonly client: string
  /** The `client_id` of a client that is registered with us; `client` is the name that policy knows it by. */
  readonly registration?: string
  readonly authTime?: EpochSeconds
  /** Which time of the token that said so `authTime` is; `auth_time` where nothing is said. */
  readonly authTimeFrom?: 'auth_time' | 'iat'
  readonly issuedAt: EpochSeconds
  readonly expiresAt: EpochSeconds
  readonly idpSid?: string
  readonly scopes: readonly string[]
  readonly groups: readonly string[]
  readonly groupsComplete: boolean
  readonly workflow?: string
  /** The token's own actor chain, outermost first. */
  readonly actor?: Actor
  /** RFC 8693 §4.4: who may act. The caller matches every member, or the token was refused. */
  readonly mayAct?: Readonly<Record<string, string>>
  readonly subjectFrom?: 'login' | 'none'
  /** A foreign token, to be exchanged: it goes to the exchange's memory and nowhere else. */
  readonly token?: Secret
}

/** Verifies an access token that we issued, which is known by its `iss`, for a server. @throws token_*, cut, held, switched_off */
export type VerifyOwn = (jws: CompactJws, server: Server) => Promise<VerifiedSubject>

/** Credentials that point at us. */
export interface Identity {
  /**
   * Verify a subject token for a server, as shown by this caller; by the server itself where nothing is said.
   * @throws token_* codes, idp_unavailable, idp_metadata_refused
   */
  verifySubject(token: string, server: Server, caller?: Caller): Promise<VerifiedSubject>
  /**
   * What the egress was shown as bearer: a session token of ours (always synchronous), or, where
   * `servers.x.accept` says so, a subject token (synchronous when it was seen before). Expiry is checked each time.
   * Whether the session has been cut since is the gate's to say, with the `rev` of what is returned.
   * @throws token_* codes, those of a refused session, idp_unavailable
   */
  identify(bearer: string): Access | Promise<Access>
  /**
   * What a client showed at the gateway of a server: an access token of ours or a subject token, whose `aud` is that
   * server. Synchronous when it was seen before. @throws as `identify`
   */
  enterAt(bearer: string, server: Server): Access | Promise<Access>
  /** Forget verified tokens; call it whenever something was cut. They are verified again when shown again. */
  forget(): void
}
