import type { Moment, Tally } from './tally.ts'

/**
 * Tallies by key, no more than `capacity`. Those over go as others come; where there are too many, the one that was
 * not used for longest goes. A key that was forgotten begins anew, so too many keys let through, and refuse nobody.
 */
export class Tallies {
  readonly #make: () => Tally
  readonly #capacity: number
  /** The one used last is the last. */
  readonly #kept = new Map<string, Tally>()

  constructor(make: () => Tally, capacity: number) {
    this.#make = make
    this.#capacity = capacity
  }

  get size(): number {
    return this.#kept.size
  }

  full(key: string, now: Moment): number | undefined {
    return this.#kept.get(key)?.full(now)
  }

  add(key: string, now: Moment): void {
    const tally = this.#kept.get(key) ?? this.#make()
    this.#kept.delete(key)
    this.#kept.set(key, tally)
    tally.add(now)
    this.#sweep(now)
  }

  /** Two for one that comes: what is over never piles up, and no call pays for all of it. */
  #sweep(now: Moment): void {
    let left = 2
    for (const [key, tally] of this.#kept) {
      const crowded = this.#kept.size > this.#capacity
      if (!crowded && (left <= 0 || !tally.over(now))) return
      this.#kept.delete(key)
      left -= 1
    }
  }
}

/** How many are open under each key. A key is there while one of its calls is, so the open calls bound it. */
export class OpenCounts {
  readonly #open = new Map<string, number>()

  get size(): number {
    return this.#open.size
  }

  of(key: string): number {
    return this.#open.get(key) ?? 0
  }

  enter(key: string): void {
    this.#open.set(key, this.of(key) + 1)
  }

  leave(key: string): void {
    const left = this.of(key) - 1
    if (left > 0) this.#open.set(key, left)
    else this.#open.delete(key)
  }
}
