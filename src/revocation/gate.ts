import type { Gate } from '../model/index.ts'
import type { LogView } from './view.ts'

/**
 * A replica's right to inject. In single mode it is true while the process holds the lock on its log: a stopped
 * process needs none, since no cut can be written without it (revocation protocol, line 8). A hub's replicas hold a
 * lease of seconds instead; nothing else changes.
 */
export interface Lease {
  fresh(): boolean
}

/** The one function asked in the last synchronous step (revocation protocol, line 6). */
export function createGate(view: LogView, lease: Lease): Gate {
  return {
    check: (work, rev) => (lease.fresh() ? view.covers(work, rev) : { reason: 'lease_lapsed' }),
    fresh: () => lease.fresh(),
    get applied() {
      return view.applied
    },
  }
}
