import type { Credential, EpochSeconds, Scope, Work } from '../model/index.ts'
import { reaches } from './owner.ts'

export interface Cached {
  readonly credential: Credential
  readonly owner: Work
  /** When it stops being served: its expiry less the margin. */
  readonly usableUntil: EpochSeconds
}

/** More than this at once pushes out what was put in first. */
const capacity = 10_000

/** Credentials at hand, by key. In memory only; reading is synchronous. */
export interface CredentialCache {
  get(key: string, now: EpochSeconds): Cached | undefined
  put(key: string, cached: Cached): void
  delete(key: string): void
  /** Drop those whose owner the scope reaches; says how many. */
  bar(scope: Scope): number
  /** Drop those that are not served any more. */
  sweep(now: EpochSeconds): void
  clear(): void
}

export function createCredentialCache(): CredentialCache {
  const entries = new Map<string, Cached>()
  return {
    get(key, now) {
      const cached = entries.get(key)
      return cached !== undefined && now < cached.usableUntil ? cached : undefined
    },
    put(key, cached) {
      entries.delete(key)
      entries.set(key, cached)
      if (entries.size > capacity) entries.delete(entries.keys().next().value as string)
    },
    delete: (key) => void entries.delete(key),
    bar(scope) {
      let dropped = 0
      for (const [key, { owner }] of entries) if (reaches(scope, owner) && entries.delete(key)) dropped++
      return dropped
    },
    sweep(now) {
      for (const [key, { usableUntil }] of entries) if (usableUntil <= now) entries.delete(key)
    },
    clear: () => entries.clear(),
  }
}
