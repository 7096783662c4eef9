import { setTimeout as pause } from 'node:timers/promises'
import { SallyportError } from '../../model/index.ts'
import type { Backend } from './backend.ts'
import type { DataKeys } from './data-keys.ts'
import { readGrantEntry, readKeyEntry, type Tomb, writeTomb } from './entry.ts'
import type { Names } from './group-names.ts'
import type { JsonObject } from './json.ts'
import { grantPath, keyPath } from './names.ts'
import type { Secrets } from './secrets.ts'

/** Attempts with growing pauses between them, 1 to 250 ms; the numbers of the attempts, beginning with 0. */
export async function* patiently(attempts: number): AsyncGenerator<number> {
  for (let attempt = 0; attempt <= attempts; attempt += 1) {
    if (attempt > 0) await pause(Math.min(250, 2 ** Math.min(attempt, 8)))
    yield attempt
  }
}

/** About 50 s: a writer who still wins then is no writer but a broken store. */
const maxRounds = 200

/**
 * Put `value` over whatever is there, by CAS, until it wins; `done` says that it is there already. Then every older
 * version goes. After a crash in between, the same call again does the rest.
 */
export async function overwrite(
  backend: Backend,
  path: string,
  value: JsonObject,
  done: (stored: JsonObject) => boolean,
): Promise<void> {
  for await (const _ of patiently(maxRounds)) {
    const stored = await backend.read('keeper', path)
    if (stored?.value !== undefined && done(stored.value)) {
      await backend.destroyOlder(path, stored.version)
      return
    }
    try {
      const version = await backend.writeCas('keeper', path, value, stored?.version ?? 0)
      await backend.destroyOlder(path, version)
      return
    } catch (error) {
      if (!(error instanceof SallyportError) || error.code !== 'secrets_conflict') throw error
    }
  }
  throw new SallyportError('secrets_conflict')
}

/** An entry that cannot be read is no tombstone: it is overwritten like any other. */
const tombstoned =
  (read: (value: JsonObject) => { readonly tomb?: Tomb | undefined }) =>
  (value: JsonObject): boolean => {
    try {
      return read(value).tomb !== undefined
    } catch {
      return false
    }
  }

/** Destroying, as design §6 has it: a tombstone over what is there, also where nothing is, then no older version. */
export function createDestroyer(deps: {
  readonly backend: Backend
  readonly names: Names
  readonly keys: DataKeys
}): Pick<Secrets, 'destroy' | 'destroyKey'> {
  const { backend, names, keys } = deps
  return {
    async destroy(place, tomb) {
      const { owner, gid } = await names.grant(place)
      await overwrite(backend, grantPath(owner, owner.uh, gid), writeTomb(tomb), tombstoned(readGrantEntry))
    },
    async destroyKey(tenant, group, principal, tomb) {
      keys.forget(principal)
      const owner = await names.owner({ tenant, group }, principal)
      await overwrite(backend, keyPath(owner, owner.uh), writeTomb(tomb), tombstoned(readKeyEntry))
      // A reader may have fetched it while it was still there.
      keys.forget(principal)
    },
  }
}
