/** A data key in memory. */
export interface HeldKey {
  /** Whose it is (`principalKey`). */
  readonly owner: string
  readonly kid: string
  readonly key: Buffer
}

/** Keys by place, the least recently used going first; every key that leaves is wiped. */
export interface KeyCache {
  get(place: string): HeldKey | undefined
  put(place: string, held: HeldKey): void
  forget(owner?: string): void
  /** Grows with each `forget`: a key that was under way then is used once and not kept. */
  generation(): number
}

export function createKeyCache(capacity: number): KeyCache {
  const held = new Map<string, HeldKey>()
  let generation = 0
  const drop = (place: string): void => {
    held.get(place)?.key.fill(0)
    held.delete(place)
  }
  return {
    get(place) {
      const found = held.get(place)
      if (found === undefined) return undefined
      held.delete(place)
      held.set(place, found)
      return found
    },
    put(place, entry) {
      drop(place)
      held.set(place, entry)
      for (const oldest of held.keys()) {
        if (held.size <= capacity) break
        drop(oldest)
      }
    },
    forget(owner) {
      generation += 1
      for (const [place, entry] of held) if (owner === undefined || entry.owner === owner) drop(place)
    },
    generation: () => generation,
  }
}
