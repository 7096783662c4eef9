import type { Access, Actor, EpochSeconds, Principal, Secret, Server } from '../model/index.ts'

/** A foreign token that has been verified. The token itself goes to the exchange's memory and nowhere else. */
export interface VerifiedSubject {
  readonly principal: Principal
  /** `azp`/`client_id` of the token. */
  readonly client: string
  readonly authTime?: EpochSeconds
  readonly issuedAt: EpochSeconds
  readonly expiresAt: EpochSeconds
  readonly idpSid?: string
  readonly scopes: readonly string[]
  readonly groups: readonly string[]
  readonly groupsComplete: boolean
  readonly actor?: Actor
  /** RFC 8693 §4.4: who may act; the caller must match every member. */
  readonly mayAct?: Readonly<Record<string, string>>
  readonly token: Secret
}

/** Credentials that point at us. */
export interface Identity {
  /** Verify a subject token for a server. @throws token_* codes, idp_unavailable */
  verifySubject(token: string, server: Server): Promise<VerifiedSubject>
  /**
   * What the egress was shown as bearer: a session or call token of ours, or, where `servers.x.accept` says so,
   * a subject token. Synchronous when the token was seen before; expiry is checked each time.
   */
  identify(bearer: string): Access | Promise<Access>
  /** Forget verified tokens of what was cut. */
  forget(): void
}
