import type { Scope } from './scope.ts'
import type { EpochSeconds, Seq } from './units.ts'

/** What became of a grant at its provider (design §7). */
export type ProviderOutcome =
  | 'revoked'
  | 'already_invalid'
  | 'unsupported'
  | 'failed'
  | 'expired_first'
  | 'pending'

/** What a provider answered, and what still stands there, in words for people. */
export interface ProviderAnswer {
  readonly outcome: ProviderOutcome
  readonly remains?: string
}

/** One connection in a receipt. */
export interface ReceiptConnection {
  readonly id: string
  readonly downstream: string
  readonly store: 'destroyed' | 'sealed-for-retry' | 'pending'
  readonly sealedUntil?: EpochSeconds
  readonly provider: ProviderOutcome
  /** What the provider does not end, whatever is asked. */
  readonly remains?: string
  readonly refreshInFlight?: 'unknown'
}

/** What one replica did; in single mode there is one, `self`. */
export interface ReceiptReplica {
  readonly id: string
  readonly state: 'applied' | 'lease_expired' | 'left'
  readonly ms: number
  readonly sessions: number
  readonly calls: number
}

/** `complete` is said only as line 11 of the protocol says. */
export type RevocationStatus = 'complete' | 'fenced' | 'fenced-local' | 'waiting'

/** The signed account of what a revocation reached and what it did not (revocation protocol, line 12). */
export interface Receipt {
  readonly id: string
  readonly revision: number
  readonly previous?: string
  readonly seq: Seq
  readonly epoch: string
  readonly at: EpochSeconds
  readonly scope: Scope
  readonly hold: boolean
  readonly status: RevocationStatus
  readonly durability: 'disk' | 'quorum' | 'local'
  readonly leaseSeconds: number
  readonly waitSeconds: number
  readonly signIns: 'auth_time' | 'iat-only'
  readonly replicas: readonly ReceiptReplica[]
  readonly connections: readonly ReceiptConnection[]
  /** The latest expiry of any token ever injected in this scope, where one was seen. */
  readonly accessTokenHorizon?: EpochSeconds
}
