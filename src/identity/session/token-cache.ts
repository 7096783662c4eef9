import type { Access } from '../../model/index.ts'

/** Verified tokens by their whole text. A part of the text, or a digest of a part, would let another token pass. */
export interface TokenCache {
  get(token: string): Access | undefined
  set(token: string, access: Access): void
  clear(): void
}

/**
 * Bounded in two generations: when the young one is full it becomes the old one, and what is asked for in the old
 * one becomes young again. So a hit costs one look-up and changes nothing. `half` is the size of a generation.
 */
export function createTokenCache(half = 4_096): TokenCache {
  let young = new Map<string, Access>()
  let old = new Map<string, Access>()
  const set = (token: string, access: Access): void => {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    young.set(token, access)
  }
  return {
    get(token) {
      const hit = young.get(token)
      if (hit !== undefined) return hit
      const aged = old.get(token)
      if (aged !== undefined) set(token, aged)
      return aged
    },
    set,
    clear() {
      young = new Map()
      old = new Map()
    },
  }
}
