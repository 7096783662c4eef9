import { type Clock, type ErrorCode, type Millis, millis, SallyportError } from '../model/index.ts'

/** One thing that keeps failing is left alone for a while, and nothing else is. */
export interface Backoff {
  /** @throws what it failed with last, while it is left alone */
  check(key: string): void
  failed(key: string, error: unknown): void
  succeeded(key: string): void
}

interface Failures {
  readonly count: number
  readonly code: ErrorCode
  readonly until: Millis
}

/** Seconds that one may be left alone at most. */
const longest = 30
/** So many are remembered; the oldest goes first. */
const capacity = 10_000

/** The first failure may pass; from the second on the pauses are 1, 2, 4 … seconds, of which up to half is left out by chance. */
export function createBackoff(deps: {
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}): Backoff {
  const { clock, random } = deps
  const known = new Map<string, Failures>()

  function pauseAfter(count: number): number {
    if (count < 2) return 0
    const jitter = 1 - (random(1)[0] ?? 0) / 510
    return Math.min(longest, 2 ** (count - 2)) * jitter * 1000
  }

  return {
    check(key) {
      const failures = known.get(key)
      if (failures === undefined) return
      const left = Math.ceil((failures.until - clock.monotonic()) / 1000)
      if (left > 0) throw new SallyportError(failures.code, { retryAfter: left })
    },
    failed(key, error) {
      const count = (known.get(key)?.count ?? 0) + 1
      const code = error instanceof SallyportError ? error.code : 'internal'
      known.delete(key)
      known.set(key, { count, code, until: millis(clock.monotonic() + pauseAfter(count)) })
      if (known.size > capacity) known.delete(known.keys().next().value ?? key)
    },
    succeeded: (key) => void known.delete(key),
  }
}
