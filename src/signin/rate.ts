import type { Clock } from '../model/index.ts'

/** How often something may be done: `burst` at once, and `perSecond` of them again each second. */
export interface Rate {
  /** False where it was done too often. */
  take(): boolean
}

/** A token bucket by the monotonic clock. */
export function createRate(
  { burst, perSecond }: { readonly burst: number; readonly perSecond: number },
  clock: Pick<Clock, 'monotonic'>,
): Rate {
  let left = burst
  let at = clock.monotonic()
  return {
    take: () => {
      const now = clock.monotonic()
      left = Math.min(burst, left + ((now - at) / 1000) * perSecond)
      at = now
      if (left < 1) return false
      left -= 1
      return true
    },
  }
}
