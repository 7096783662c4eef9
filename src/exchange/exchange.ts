import type {
  Connection,
  Credential,
  Downstream,
  EpochSeconds,
  GrantPlace,
  Principal,
  ProviderAnswer,
  Scope,
  Secret,
  Seq,
  Server,
  Session,
} from '../model/index.ts'
import type { Linking } from './connect/linking.ts'
import type { KeptLogin } from './login/keep-login.ts'
import type { LoginCheck } from './login/logins.ts'
import type { Need } from './need.ts'

/** Credentials that point away from us. */
export interface Exchange {
  /** The credential, from memory where possible: synchronous then, and without any I/O. @throws the codes of exchange, connect_required, secrets_* */
  acquire(need: Need): Credential | Promise<Credential>
  /** The downstream answered 401: never serve this very credential again. `claims`: what it wants to be satisfied, as JSON. */
  refused(need: Need, credential: Credential, claims?: string): void
  /** The downstream found these scopes missing: its person is asked for them from here on. @throws state_unavailable */
  wants(need: Need, credential: Credential, scopes: readonly string[]): Promise<void>
  /** Hand over the subject token of a session: memory only, gone at its expiry or the session's end. */
  hand(session: Session, token: Secret, expiresAt: EpochSeconds): void
  /** Keep what the login issuer gave for a person's sign-in, as their login connection. @throws cut, held, secrets_*, state_unavailable, record_unavailable */
  keepLogin(kept: KeptLogin): Promise<void>
  /** Whether the login issuer still knows the person of a session. Never throws. */
  checkLogin(session: Session): Promise<LoginCheck>
  /** Forget login connections that none of these sessions stands on, and revoke them at the issuer. */
  dropUnusedLogins(tenant: string, inUse: readonly Session[]): Promise<void>
  /** Keep a secret that a person, or an operator for him, put in: `static: { per: user }`. */
  connect(input: {
    readonly server: Server
    readonly downstream: Downstream
    readonly principal: Principal
    readonly value: Secret
    readonly rev: Seq
    /** An operator answers for its use: then no client is asked about. */
    readonly operator: boolean
  }): Promise<Connection>
  readonly linking: Linking
  /** Finish or undo what was being connected when a process died or its store went away. Never at two places at once. */
  settlePending(tenant: string): Promise<void>
  /** Drop subject tokens, cached credentials and data keys of the scope; abort its refreshes. Says how many. */
  bar(scope: Scope): number
  /** Ask the provider to revoke what `revocableOf` took from a grant of this place. Never throws. */
  revokeAtProvider(place: GrantPlace, sealed: Secret): Promise<ProviderAnswer>
  /** Write refreshed grants that still wait for the store, as far as it takes them, and forget everything. */
  close(): Promise<void>
}
