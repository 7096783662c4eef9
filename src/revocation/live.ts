import {
  type Barred,
  type LiveHandle,
  type LiveWork,
  type Scope,
  scopeKey,
  type Work,
  workKeys,
} from '../model/index.ts'

/** The registry of live work, and what a revocation does to it. */
export interface LiveRegistry extends LiveWork {
  /** End everything that the scope reaches; says how much. */
  abort(scope: Scope, barred: Barred): number
  abortAll(barred: Barred): number
  /** Stop or go on moving bytes, for all: the lease has lapsed or is back (revocation protocol, line 7). */
  freeze(frozen: boolean): void
  readonly size: number
}

/**
 * Filing is one `Set.add`, for every request; a revocation pays for it by looking at all that is live, which is
 * milliseconds for ten thousand streams. Work that opens while frozen starts frozen.
 */
export function createLiveRegistry(): LiveRegistry {
  const live = new Set<{ readonly work: Work; readonly handle: LiveHandle }>()
  let frozen = false

  const end = (wanted: (work: Work) => boolean, barred: Barred): number => {
    let count = 0
    for (const item of live) {
      if (!wanted(item.work)) continue
      live.delete(item)
      item.handle.abort(barred)
      count += 1
    }
    return count
  }

  return {
    open: (work, handle) => {
      const item = { work, handle }
      live.add(item)
      if (frozen) handle.freeze(true)
      return () => live.delete(item)
    },
    abort: (scope, barred) => {
      const key = scopeKey(scope)
      return end((work) => workKeys(work).includes(key), barred)
    },
    abortAll: (barred) => end(() => true, barred),
    freeze: (now) => {
      frozen = now
      for (const item of live) item.handle.freeze(now)
    },
    get size() {
      return live.size
    },
  }
}
