import type { Clock, Credential, Millis } from '../model/index.ts'
import type { CredentialCache } from './credential-cache.ts'

/** Milliseconds in which a credential that replaced a refused one is not replaced again. */
const patience = 10_000

/**
 * Credentials that a downstream refused. One is replaced at once; its replacement is not, for a while: what is
 * refused twice is not stale, and anybody who can make a downstream answer 401 could have tokens minted without end.
 */
export interface Refusals {
  /** The fingerprint that was refused under this key. */
  of(key: string): string | undefined
  refused(key: string, credential: Credential): void
  /** Forget what is long past. */
  sweep(): void
}

export function createRefusals(deps: { readonly clock: Clock; readonly cache: CredentialCache }): Refusals {
  const { clock, cache } = deps
  const seen = new Map<string, { readonly fingerprint: string; readonly at: Millis }>()
  const isRecent = (at: Millis): boolean => clock.monotonic() - at < patience
  return {
    of: (key) => seen.get(key)?.fingerprint,
    refused(key, { fingerprint }) {
      const cached = cache.get(key, clock.now())
      if (cached !== undefined && cached.credential.fingerprint !== fingerprint) return
      const last = seen.get(key)
      if (last !== undefined && isRecent(last.at)) return
      cache.delete(key)
      seen.set(key, { fingerprint, at: clock.monotonic() })
    },
    sweep() {
      for (const [key, { at }] of seen) if (clock.monotonic() - at > 60 * patience) seen.delete(key)
    },
  }
}
