import {
  type Clock,
  type EpochSeconds,
  joinKey,
  type Scope,
  scopeKey,
  type Work,
  workKeys,
} from '../model/index.ts'

/** Until when credentials that were injected still work at their downstreams, whatever is revoked here. */
export interface Horizon {
  note(work: Work, expiresAt: EpochSeconds): void
  /** The latest such expiry in the scope, or undefined where none was seen since the start. */
  of(scope: Scope): EpochSeconds | undefined
}

export function createHorizon(clock: Clock): Horizon {
  const seen = new Map<string, { readonly work: Work; until: EpochSeconds }>()
  let pruneAt = 1000
  return {
    note: (work, expiresAt) => {
      const key = joinKey(work.sid, work.downstream ?? '')
      const known = seen.get(key)
      if (known !== undefined) {
        if (expiresAt > known.until) known.until = expiresAt
        return
      }
      seen.set(key, { work, until: expiresAt })
      if (seen.size < pruneAt) return
      const now = clock.now()
      for (const [old, { until }] of seen) if (until < now) seen.delete(old)
      pruneAt = Math.max(1000, seen.size * 2)
    },
    of: (scope) => {
      const wanted = scopeKey(scope)
      let latest: EpochSeconds | undefined
      for (const { work, until } of seen.values()) {
        if ((latest === undefined || until > latest) && workKeys(work).includes(wanted)) latest = until
      }
      return latest
    },
  }
}
