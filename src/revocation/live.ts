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
  /** End what is left of a call. */
  abortCall(call: string): number
  /** Stop or go on moving bytes, for all: the lease has lapsed or is back (revocation protocol, line 7). */
  freeze(frozen: boolean): void
  readonly size: number
}

interface Item {
  readonly work: Work
  readonly handle: LiveHandle
  /** Its place in the list; -1 once it is closed. */
  at: number
}

/**
 * Filing is one push, for every request; a revocation pays for it by looking at all that is live, which is
 * milliseconds for ten thousand streams. Work that opens while frozen starts frozen.
 *
 * A list and not a Set: a Set moves into a new table every few dozen requests, and each table that it leaves points to
 * the next. Once a full collection has made one of them old, all that follow are kept until the next such collection,
 * with everything that the requests in them hold. That doubled the CPU time of a request.
 */
export function createLiveRegistry(): LiveRegistry {
  const live: Item[] = []
  let frozen = false

  /** The last one takes the place of the one that leaves. */
  const close = (item: Item): void => {
    if (item.at === -1) return
    const last = live.pop()
    if (last !== undefined && last !== item) {
      live[item.at] = last
      last.at = item.at
    }
    item.at = -1
  }
  const end = (wanted: (work: Work) => boolean, barred: Barred): number => {
    let count = 0
    for (const item of live.filter(({ work }) => wanted(work))) {
      // Ending one may have ended another.
      if (item.at === -1) continue
      close(item)
      item.handle.abort(barred)
      count += 1
    }
    return count
  }

  return {
    open: (work, handle) => {
      const item = { work, handle, at: live.length }
      live.push(item)
      if (frozen) handle.freeze(true)
      return () => close(item)
    },
    abort: (scope, barred) => {
      const key = scopeKey(scope)
      return end((work) => workKeys(work).includes(key), barred)
    },
    abortAll: (barred) => end(() => true, barred),
    abortCall: (call) => end((work) => work.call === call, { reason: 'call_ended' }),
    freeze: (now) => {
      frozen = now
      for (const { handle } of [...live]) handle.freeze(now)
    },
    get size() {
      return live.length
    },
  }
}
