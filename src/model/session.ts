import type { Actor, Principal } from './principal.ts'
import type { EpochSeconds, Seq } from './units.ts'

/** One sign-in of one principal with one client at one server (design §1), named by `sid`. */
export interface Session {
  readonly sid: string
  readonly principal: Principal
  /** The client's verified name; never self-asserted. */
  readonly client: string
  /** The `client_id` as the client shows it, where that is not its name. */
  readonly registration?: string
  /** The name of the server in the configuration. */
  readonly server: string
  /** The IdP's own session id, where its token carried one. */
  readonly idpSid?: string
  /** When the person signed in: `auth_time`, else the subject token's `iat`. */
  readonly authTime: EpochSeconds
  /** Which of the two `authTime` is; receipts say so. */
  readonly authTimeFrom?: 'auth_time' | 'iat'
  readonly groups: readonly string[]
  /** Whether the groups are the whole list; a truncated or absent claim is not (design §5). */
  readonly groupsComplete: boolean
  /** The workflow that the verified token named, such as a CI job; absent where it named none. */
  readonly workflow?: string
  /** Where exchanges get its subject token: from the login connection, or nowhere. Absent: it was handed over. */
  readonly subjectFrom?: 'login' | 'none'
  /** The log position that its maker had applied (revocation protocol, line 15). */
  readonly rev: Seq
}

/** What a verified session token grants: a session, what it may be used for, and until when. */
export interface Access {
  readonly session: Session
  readonly actor: Actor | undefined
  /** Resources that the token names: the server's and those of the downstreams asked for. */
  readonly audiences: readonly string[]
  readonly scopes: readonly string[]
  readonly jti: string
  readonly expiresAt: EpochSeconds
  /** The `rev` claim of this very token. */
  readonly rev: Seq
  /** Set on call tokens only (the gateway mints them). */
  readonly call?: CallRef
}

/** The open call that a call token belongs to. */
export interface CallRef {
  readonly id: string
  /** Absent where the token is for messages that call no tool: it is good for no operation. */
  readonly tool?: string
}
