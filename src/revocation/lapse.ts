import type { Lease } from './gate.ts'
import type { LiveRegistry } from './live.ts'

/** How long streams may stand frozen before they are destroyed (revocation protocol, line 7). */
const frozenForMs = 30_000

/**
 * Watches the lease: when it lapses, open streams freeze; when it is back in time they go on; after 30 seconds they
 * are destroyed. Returns the function that stops watching.
 */
export function watchLease(lease: Lease, live: LiveRegistry, everyMs = 250): () => void {
  let frozenTicks = 0
  const timer = setInterval(() => {
    if (lease.fresh()) {
      if (frozenTicks > 0) live.freeze(false)
      frozenTicks = 0
      return
    }
    if (frozenTicks === 0) live.freeze(true)
    frozenTicks += 1
    if (frozenTicks * everyMs >= frozenForMs) live.abortAll({ reason: 'lease_lapsed' })
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
