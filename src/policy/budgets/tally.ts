import type { EpochSeconds, Millis } from '../../model/index.ts'
import type { Rate } from './budgets.ts'

/** Spans are measured by the monotonic clock, days by the wall. */
export interface Moment {
  readonly ms: Millis
  readonly at: EpochSeconds
}

/** What was counted under one key. */
export interface Tally {
  /** Undefined while one more may come; else in how many seconds it may, `Infinity` if nobody can say. */
  full(now: Moment): number | undefined
  add(now: Moment): void
  /** Whether nothing of it counts any more, so that it may be forgotten. */
  over(now: Moment): boolean
}

/** How finely a window slides: what leaves it may count for this part of it longer, and never shorter. */
const slots = 64

/**
 * No window of this length, wherever it begins, holds more than `count`. What comes within one slot is one number, so a
 * tally has at most 65 of them, however much is counted.
 */
export function windowTally({ count, withinMs }: Rate): Tally {
  const slotMs = withinMs / slots
  const begun: { readonly slot: number; count: number }[] = []
  let total = 0
  const leavesAt = ({ slot }: { readonly slot: number }): number => (slot + 1) * slotMs + withinMs
  const slide = (now: Moment): void => {
    for (let [oldest] = begun; oldest !== undefined && leavesAt(oldest) <= now.ms; [oldest] = begun) {
      total -= oldest.count
      begun.shift()
    }
  }
  return {
    full: (now) => {
      slide(now)
      const [oldest] = begun
      return total < count || oldest === undefined ? undefined : (leavesAt(oldest) - now.ms) / 1000
    },
    add: (now) => {
      const slot = Math.floor(now.ms / slotMs)
      const last = begun.at(-1)
      if (last?.slot === slot) last.count += 1
      else begun.push({ slot, count: 1 })
      total += 1
    },
    over: (now) => {
      slide(now)
      return total === 0
    },
  }
}

const daySeconds = 86_400

/** So many on one day of UTC. A clock that is set back does not begin the day anew. */
export function dayTally(most: number): Tally {
  let day = 0
  let count = 0
  const turn = ({ at }: Moment): void => {
    const today = Math.floor(at / daySeconds)
    if (today <= day) return
    day = today
    count = 0
  }
  return {
    full: (now) => {
      turn(now)
      return count < most ? undefined : (day + 1) * daySeconds - now.at
    },
    add: (now) => {
      turn(now)
      count += 1
    },
    over: (now) => {
      turn(now)
      return count === 0
    },
  }
}

/** So many in all, until none has come for `forgetMs`. */
export function totalTally(most: number, forgetMs: number): Tally {
  let count = 0
  let lastMs = 0
  const forget = ({ ms }: Moment): void => {
    if (ms - lastMs >= forgetMs) count = 0
  }
  return {
    full: (now) => {
      forget(now)
      return count < most ? undefined : Number.POSITIVE_INFINITY
    },
    add: ({ ms }) => {
      count += 1
      lastMs = ms
    },
    over: (now) => {
      forget(now)
      return count === 0
    },
  }
}
