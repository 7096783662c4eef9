import {
  type Clock,
  type Grant,
  type GrantPlace,
  SallyportError,
  type StoredGrant,
} from '../../model/index.ts'
import type { Backend, Role, Version } from './backend.ts'
import { createDataKeys, type DataKeys, type Owner } from './data-keys.ts'
import { createDestroyer, patiently } from './destroy.ts'
import { factsOf, type GrantEntry, grantAad, readGrantEntry, writeGrantEntry } from './entry.ts'
import { openTokens, type RandomBytes, sealTokens } from './envelope.ts'
import type { JsonObject } from './json.ts'
import { createNames } from './group-names.ts'
import { grantPath } from './names.ts'
import { createOutbox } from './outbox.ts'
import type { Secrets } from './secrets.ts'

export interface GrantDeps {
  readonly clock: Clock
  readonly random: RandomBytes
  /** How many data keys may be held in memory; the least recently used goes first. Default 10 000. */
  readonly heldKeys?: number
}

/** A grant's place with its names looked up. */
interface Spot extends Owner {
  readonly gid: string
  readonly path: string
}

type LiveEntry = Exclude<GrantEntry, { readonly tomb: unknown }>

const conflict = (): SallyportError => new SallyportError('secrets_conflict')

/** The one implementation of `Secrets`: envelope encryption and tombstones over whatever keeps the entries. */
export function grantsOver(backend: Backend, deps: GrantDeps): Secrets {
  const { clock, random } = deps
  const keys = createDataKeys({ backend, random, capacity: deps.heldKeys ?? 10_000 })
  const names = createNames(backend)

  const spotOf = async (place: GrantPlace): Promise<Spot> => {
    const { owner, gid } = await names.grant(place)
    return { ...owner, gid, path: grantPath(owner, owner.uh, gid) }
  }

  return {
    async read(place) {
      const spot = await spotOf(place)
      const stored = await backend.read('runtime', spot.path)
      return stored === undefined ? undefined : open(keys, spot, stored)
    },

    async create(place, grant, expected) {
      const spot = await spotOf(place)
      const stored = await readAtLeast(backend, spot.path, expected)
      const found = stored === undefined ? undefined : await open(keys, spot, stored)
      if (found?.grant !== undefined) throw conflict()
      // A version that another hand deleted reads as nothing, yet counts.
      const newest = stored?.version ?? 0
      if (newest !== expected && !(expected === 0 && found === undefined)) throw conflict()
      const value = await keys.withNewest(spot, (key, kid) => encryptGrant(spot, grant, { key, kid, random }))
      return backend.writeCas('connecting', spot.path, value, newest)
    },

    async update(place, grant, expected) {
      const spot = await spotOf(place)
      const { entry, version } = await liveEntry(backend, spot.path, expected)
      if (version !== expected || grant.gen < entry.facts.gen) throw conflict()
      const { kid } = entry
      const made = await keys.withKey(spot, kid, (key) => encryptGrant(spot, grant, { key, kid, random }))
      if ('tomb' in made) throw new SallyportError('secrets_destroyed')
      try {
        return await backend.writeCas('runtime', spot.path, made.value, expected)
      } catch (error) {
        if (isConflict(error)) await liveEntry(backend, spot.path, expected + 1)
        throw error
      }
    },

    ...createDestroyer({ backend, names, keys }),
    ...createOutbox({ backend, clock }),
    forget: keys.forget,
    check: backend.check,
    health: backend.health,
    async close() {
      keys.forget()
      names.forget()
      await backend.close()
    },
  }
}

const isConflict = (error: unknown): boolean =>
  error instanceof SallyportError && error.code === 'secrets_conflict'

/** A standby may lag behind the version that the caller has already seen: give it a moment. */
async function readAtLeast(backend: Backend, path: string, version: number): Promise<Version | undefined> {
  const role: Role = 'runtime'
  for await (const attempt of patiently(5)) {
    const stored = await backend.read(role, path)
    if (attempt === 5 || (stored?.version ?? 0) >= version) return stored
  }
  return undefined
}

/** @throws secrets_destroyed at a tombstone, secrets_conflict where there is nothing */
async function liveEntry(
  backend: Backend,
  path: string,
  version: number,
): Promise<{ readonly entry: LiveEntry; readonly version: number }> {
  const stored = await readAtLeast(backend, path, version)
  if (stored?.value === undefined) throw conflict()
  const entry = readGrantEntry(stored.value)
  if (entry.tomb !== undefined) throw new SallyportError('secrets_destroyed')
  return { entry, version: stored.version }
}

async function open(keys: DataKeys, spot: Spot, stored: Version): Promise<StoredGrant | undefined> {
  const { version, value } = stored
  if (value === undefined) return undefined
  const entry = readGrantEntry(value)
  if (entry.tomb !== undefined) return { version, tomb: entry.tomb }
  const { facts, kid, sealed } = entry
  const opened = await keys.withKey(spot, kid, (key) =>
    openTokens(key, sealed, grantAad(spot, spot.gid, kid, facts)),
  )
  if ('tomb' in opened) return { version, tomb: opened.tomb }
  if (opened.value === undefined) throw new SallyportError('secrets_corrupt')
  return { version, grant: { ...facts, ...opened.value } }
}

function encryptGrant(
  spot: Spot,
  grant: Grant,
  by: { readonly key: Buffer; readonly kid: string; readonly random: RandomBytes },
): JsonObject {
  const facts = factsOf(grant)
  const aad = grantAad(spot, spot.gid, by.kid, facts)
  return writeGrantEntry(facts, by.kid, sealTokens(by.key, grant, aad, by.random))
}
