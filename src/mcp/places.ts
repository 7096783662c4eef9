import type { ServerResponse } from 'node:http'
import { type Principal, principalKey, SallyportError } from '../model/index.ts'

/** The requests that each principal has open here: from the moment he is known until his answer has left whole. */
export interface Places {
  /** @throws streams_full, caller_left */
  take(principal: Principal, res: ServerResponse): void
}

/** Streams, slow readers and slow senders are all held by one connection each, so connections are what is counted. */
export function createPlaces(most: number): Places {
  const taken = new Map<string, number>()
  return {
    take(principal, res) {
      // Whoever has left already will not be heard to leave.
      if (res.destroyed) throw new SallyportError('caller_left')
      const key = principalKey(principal)
      const before = taken.get(key) ?? 0
      if (before >= most) throw new SallyportError('streams_full')
      taken.set(key, before + 1)
      res.once('close', () => {
        const left = (taken.get(key) ?? 1) - 1
        if (left === 0) taken.delete(key)
        else taken.set(key, left)
      })
    },
  }
}
