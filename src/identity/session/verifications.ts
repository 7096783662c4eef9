import type { Access, Clock } from '../../model/index.ts'
import { createTokenCache } from './token-cache.ts'

/** What verifying a token gave, remembered until the token ends or something is cut; each is under way once. */
export interface Verifications {
  get(key: string): Access | undefined
  set(key: string, access: Access): void
  once(key: string, verify: () => Promise<Access>): Promise<Access>
  forget(): void
}

export function rememberVerifications(clock: Clock): Verifications {
  const cache = createTokenCache()
  const underway = new Map<string, Promise<Access>>()
  let generation = 0

  const verified = async (key: string, verify: () => Promise<Access>): Promise<Access> => {
    const begun = generation
    const access = await verify()
    // What was verified before a cut is not remembered after it.
    if (begun === generation) cache.set(key, access)
    return access
  }
  return {
    get(key) {
      const hit = cache.get(key)
      return hit !== undefined && hit.expiresAt > clock.now() ? hit : undefined
    },
    set: cache.set,
    once(key, verify) {
      const known = underway.get(key)
      if (known !== undefined) return known
      const pending = verified(key, verify).finally(() => {
        if (underway.get(key) === pending) underway.delete(key)
      })
      underway.set(key, pending)
      return pending
    },
    forget() {
      generation += 1
      cache.clear()
      underway.clear()
    },
  }
}
