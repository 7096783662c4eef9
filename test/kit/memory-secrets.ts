import {
  type ErrorCode,
  type Grant,
  type GrantPlace,
  joinKey,
  principalKey,
  SallyportError,
  type Secret,
  type StoredGrant,
} from '../../src/model/index.ts'
import type { Secrets } from '../../src/storage/index.ts'

/** A secret store without encryption, with the compare-and-swap and tombstones of the real ones. */
export interface MemorySecrets extends Secrets {
  /** Every access from now on fails with this; undefined: works. */
  failing: ErrorCode | undefined
  /** Only writes fail with this. */
  failingWrites: ErrorCode | undefined
  /** Called before each `update` or `create` is carried out: a place for a test to get in between. */
  beforeWrite: ((place: GrantPlace, grant: Grant) => void | Promise<void>) | undefined
  readonly reads: number
  readonly writes: number
  readonly forgotten: (string | undefined)[]
  /** Synchronously, past every knob. */
  peek(place: GrantPlace): StoredGrant | undefined
  all(): readonly StoredGrant[]
}

const keyOf = ({ tenant, group, principal, downstream, audience }: GrantPlace): string =>
  joinKey(tenant, group, principalKey(principal), downstream, audience)

export function memorySecrets(): MemorySecrets {
  const cells = new Map<string, StoredGrant>()
  const sealed = new Map<string, Secret>()
  let reads = 0
  let writes = 0

  async function write(place: GrantPlace, grant: Grant, expected: number, live: boolean): Promise<number> {
    await store.beforeWrite?.(place, grant)
    const failing = store.failing ?? store.failingWrites
    if (failing !== undefined) throw new SallyportError(failing)
    writes++
    const present = cells.get(keyOf(place))
    if (live && present?.tomb !== undefined) throw new SallyportError('secrets_destroyed')
    if ((present?.version ?? 0) !== expected) throw new SallyportError('secrets_conflict')
    if (live !== (present?.grant !== undefined)) throw new SallyportError('secrets_conflict')
    if (present?.grant !== undefined && grant.gen < present.grant.gen)
      throw new SallyportError('secrets_conflict')
    const version = expected + 1
    cells.set(keyOf(place), { version, grant })
    return version
  }

  const store: MemorySecrets = {
    failing: undefined,
    failingWrites: undefined,
    beforeWrite: undefined,
    forgotten: [],
    get reads() {
      return reads
    },
    get writes() {
      return writes
    },
    peek: (place) => cells.get(keyOf(place)),
    all: () => [...cells.values()],
    async read(place) {
      reads++
      await Promise.resolve()
      if (store.failing !== undefined) throw new SallyportError(store.failing)
      return cells.get(keyOf(place))
    },
    create: (place, grant, expected) => write(place, grant, expected, false),
    update: (place, grant, expected) => write(place, grant, expected, true),
    async destroy(place, tomb) {
      if (store.failing !== undefined) throw new SallyportError(store.failing)
      const present = cells.get(keyOf(place))
      if (present?.tomb === undefined) cells.set(keyOf(place), { version: (present?.version ?? 0) + 1, tomb })
    },
    async destroyKey(tenant, group, principal, tomb) {
      const prefix = joinKey(tenant, group, principalKey(principal))
      for (const [key, { version }] of cells)
        if (key.startsWith(prefix)) cells.set(key, { version: version + 1, tomb })
    },
    async seal(job, tenant, payload) {
      sealed.set(joinKey(tenant, job), payload)
    },
    unseal: async (job, tenant) => sealed.get(joinKey(tenant, job)),
    async dropSealed(job, tenant) {
      sealed.delete(joinKey(tenant, job))
    },
    forget: (principal) => void store.forgotten.push(principal?.subject),
    check: async () => {},
    health: async () => (store.failing === undefined ? 'up' : 'down'),
    close: async () => {},
  }
  return store
}
