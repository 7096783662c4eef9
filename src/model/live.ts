import type { Scope, Work } from './scope.ts'
import type { Seq } from './units.ts'

/** Why work may not go on: the log says so, this process may not serve now, or the call that it is of has ended. */
export interface Barred {
  readonly reason: 'cut' | 'held' | 'switched_off' | 'lease_lapsed' | 'call_ended'
  readonly seq?: Seq
  readonly scope?: Scope
}

/**
 * Asked by one function in the last synchronous step before header bytes go to a connected socket, for
 * request, tunnel and upgrade alike (revocation protocol, line 6). Synchronous: nothing may happen between
 * the answer and the write.
 */
export interface Gate {
  /** Barred if this process is not fresh, or if a cut newer than `rev`, a hold or a switch covers the work. */
  check(work: Work, rev: Seq): Barred | undefined
  /** Asked again after the write: false means that bytes left later than allowed. */
  fresh(): boolean
  /** The log position that is applied now; what is made now carries it. */
  readonly applied: Seq
}

/** A request, stream, tunnel or call in progress, which a revocation can end. */
export interface LiveHandle {
  /** End it now, both ways. Called at most once. */
  abort(barred: Barred): void
  /** Stop (or go on) moving bytes either way, while the lease is lapsed. */
  freeze(frozen: boolean): void
}

/** The one registry of live work (design §7, G2). */
export interface LiveWork {
  /** File the work under all its keys; the returned function takes it out again. */
  open(work: Work, handle: LiveHandle): () => void
}
