import { expect } from 'vitest'
import type { Backend, Version } from '../../../src/storage/secrets/backend.ts'

const refuse = async (): Promise<never> => expect.unreachable()

/** A store in memory that keeps data keys as they are, and shows the very buffers that it handed out. */
export interface MemoryBackend {
  readonly backend: Backend
  readonly entries: Map<string, Version>
  readonly handed: Buffer[]
  unwraps(): number
  /** Until when a key that was asked for is under way. */
  hold(until: Promise<void>): void
}

export function memoryBackend(over: Partial<Backend> = {}): MemoryBackend {
  const entries = new Map<string, Version>()
  const handed: Buffer[] = []
  let unwraps = 0
  let gate: Promise<void> = Promise.resolve()
  const backend: Backend = {
    read: async (_role, path) => entries.get(path),
    async writeCas(_role, path, value, expected) {
      entries.set(path, { version: expected + 1, value })
      return expected + 1
    },
    destroyOlder: async () => undefined,
    wrap: async (_at, key) => Buffer.from(key).toString('hex'),
    async unwrap(_at, wrapped) {
      unwraps += 1
      await gate
      const key = Buffer.from(wrapped, 'hex')
      handed.push(key)
      return key
    },
    indexKey: async () => Buffer.alloc(32, 1),
    seal: refuse,
    unseal: refuse,
    check: refuse,
    health: refuse,
    close: async () => undefined,
    ...over,
  }
  return {
    backend,
    entries,
    handed,
    unwraps: () => unwraps,
    hold(until) {
      gate = until
    },
  }
}
