import type { Principal } from './principal.ts'
import type { Secret } from './secret.ts'
import type { EpochSeconds, Seq } from './units.ts'

/** Where a connection's grant lies. Tenant, vault group, principal kind and issuer are part of every name. */
export interface GrantPlace {
  readonly tenant: string
  /** The vault group: servers that may share connections; by default the server's own name. */
  readonly group: string
  readonly principal: Principal
  readonly downstream: string
  /** The audience or account that the grant is for; the downstream's resource where there is one only. */
  readonly audience: string
}

/** Claimed by one process while it refreshes. */
export interface RefreshClaim {
  readonly owner: string
  readonly until: EpochSeconds
}

/**
 * A stored grant: the tokens are encrypted under the principal's data key, the rest is clear and authenticated.
 * `gen` grows by one with each refresh and never goes back.
 */
export interface Grant {
  readonly v: 1
  readonly gen: number
  readonly rt?: Secret
  /** An access token, or the secret itself for `static: { per: user }`. */
  readonly at?: Secret
  /** When `at` ends; absent means that it does not. */
  readonly exp?: EpochSeconds
  /** When `at` was obtained, by the clock of who did; how early it counts as over depends on how long it lives. */
  readonly obtained?: EpochSeconds
  readonly status: 'active' | 'reauth_required'
  readonly claim?: RefreshClaim
  readonly rev: Seq
  /** The client registration that obtained the grant; another one may not refresh it. */
  readonly registration: string
  readonly scopes: readonly string[]
  /** The session that the grant is bound to (`exchange.refresh`); absent for linked accounts. */
  readonly sid?: string
}

/** What is left of a destroyed grant or key: it stays 30 days so that a sleeping writer loses its CAS. */
export interface Tombstone {
  readonly tomb: { readonly at: EpochSeconds; readonly rev: Seq; readonly cause: string }
}

export type StoredGrant =
  | { readonly version: number; readonly grant: Grant; readonly tomb?: undefined }
  | { readonly version: number; readonly tomb: Tombstone['tomb']; readonly grant?: undefined }

/** A row of the connection index: what exists, without any secret. The store itself is never listed. */
export interface Connection {
  readonly id: string
  readonly place: GrantPlace
  readonly kind: 'exchange' | 'login' | 'static' | 'linked'
  /** Empty for a login connection, which is of no server. */
  readonly server: string
  /** Whose account it is at the provider, as the provider names it; absent where nothing says. */
  readonly account?: { readonly id: string; readonly name?: string }
  /** What was granted, as the provider says it. */
  readonly scopes?: readonly string[]
  /** What was asked for, which may be more. */
  readonly requested?: readonly string[]
  /** What the downstream has found missing since: the person has to be asked for it. */
  readonly wanted?: readonly string[]
  /** An operator put it in for the person and answers for its use: no client is asked about. */
  readonly operator?: true
  /** The client and session it is bound to; absent for what a person linked himself. */
  readonly client?: string
  readonly sid?: string
  readonly createdAt: EpochSeconds
  readonly rev: Seq
  /** `pending` from before its grant is written until that is known to be there, and in the record. */
  readonly status: 'active' | 'pending' | 'destroyed'
}
