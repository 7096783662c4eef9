import { base32, epoch, type Principal, principalKey, SallyportError } from '../../model/index.ts'
import type { Backend, Version } from './backend.ts'
import { type EntryPlace, type KeyEntry, keyAad, readKeyEntry, type Tomb, writeKeyEntry } from './entry.ts'
import { keyBytes, type RandomBytes } from './envelope.ts'
import { createKeyCache, type KeyCache } from './key-cache.ts'
import { keyPath } from './names.ts'

/** A principal's place in one vault group. */
export interface Owner extends EntryPlace {
  readonly principal: Principal
}

/**
 * The data keys, one per principal and vault group: fetched once, kept in memory, wiped when forgotten. A key is
 * lent to a synchronous function and never handed out, so that none is wiped while it is in use.
 */
export interface DataKeys {
  /** Lend the key that ciphertext was made with, or say that it has been destroyed. @throws secrets_corrupt */
  withKey<T>(
    owner: Owner,
    kid: string,
    use: (key: Buffer) => T,
  ): Promise<{ readonly value: T } | { readonly tomb: Tomb }>
  /** Lend the key that new ciphertext is to be made with; makes one where there is none or a tombstone. */
  withNewest<T>(owner: Owner, use: (key: Buffer, kid: string) => T): Promise<T>
  forget(principal?: Principal): void
}

interface Deps {
  readonly backend: Backend
  readonly random: RandomBytes
  readonly cache: KeyCache
}

/** An operator who deleted the key by hand destroyed what it opened just as well. */
const missingKey: Tomb = { at: epoch(0), rev: 0, cause: 'key_missing' }

const placeOf = (owner: Owner): string => keyPath(owner, owner.uh)

/** Use a key that has just come, and keep it only if nothing was forgotten since it was asked for. */
function lend<T>(
  cache: KeyCache,
  got: { readonly owner: Owner; readonly kid: string; readonly key: Buffer; readonly since: number },
  use: (key: Buffer) => T,
): T {
  const { owner, kid, key, since } = got
  try {
    return use(key)
  } finally {
    if (since === cache.generation())
      cache.put(placeOf(owner), { owner: principalKey(owner.principal), kid, key })
    else key.fill(0)
  }
}

/** Make a key over nothing or over a tombstone. @throws secrets_conflict where somebody else was quicker */
async function make<T>(
  deps: Deps,
  owner: Owner,
  found: { readonly over: Version; readonly tomb?: Tomb },
  use: (key: Buffer, kid: string) => T,
): Promise<T> {
  const { backend, random, cache } = deps
  const since = cache.generation()
  const kid = base32(random(10))
  const key = random(keyBytes)
  try {
    const wrapped = await backend.wrap(owner, key, keyAad(owner, kid))
    await backend.writeCas(
      'connecting',
      placeOf(owner),
      writeKeyEntry(kid, wrapped, found.tomb),
      found.over.version,
    )
  } catch (error) {
    key.fill(0)
    throw error
  }
  return lend(cache, { owner, kid, key, since }, (lent) => use(lent, kid))
}

async function unwrap<T>(
  deps: Deps,
  owner: Owner,
  entry: Extract<KeyEntry, { readonly kid: string }>,
  use: (key: Buffer) => T,
): Promise<T> {
  const { backend, cache } = deps
  const { kid } = entry
  const since = cache.generation()
  const key = await backend.unwrap(owner, entry.wrapped, keyAad(owner, kid))
  if (key.length === keyBytes) return lend(cache, { owner, kid, key, since }, use)
  key.fill(0)
  throw new SallyportError('secrets_corrupt')
}

async function withKey<T>(
  deps: Deps,
  owner: Owner,
  kid: string,
  use: (key: Buffer) => T,
): Promise<{ readonly value: T } | { readonly tomb: Tomb }> {
  const held = deps.cache.get(placeOf(owner))
  if (held?.kid === kid) return { value: use(held.key) }
  const stored = await deps.backend.read('runtime', placeOf(owner))
  if (stored?.value === undefined) return { tomb: missingKey }
  const entry = readKeyEntry(stored.value)
  if (entry.tomb !== undefined) return { tomb: entry.tomb }
  if (entry.kid === kid) return { value: await unwrap(deps, owner, entry, use) }
  if (entry.after === undefined) throw new SallyportError('secrets_corrupt')
  return { tomb: entry.after }
}

/** The key in force, or what a new one has to be made over. */
async function newest(
  { backend }: Deps,
  owner: Owner,
): Promise<
  | { readonly live: Extract<KeyEntry, { readonly kid: string }> }
  | { readonly over: Version; readonly tomb?: Tomb }
> {
  const stored = await backend.read('runtime', placeOf(owner))
  if (stored?.value === undefined) return { over: stored ?? { version: 0 } }
  const entry = readKeyEntry(stored.value)
  return entry.tomb === undefined ? { live: entry } : { over: stored, tomb: entry.tomb }
}

/** The store is asked each time: a key that is still held may have been destroyed by another process. */
async function withNewest<T>(deps: Deps, owner: Owner, use: (key: Buffer, kid: string) => T): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    const found = await newest(deps, owner)
    if ('live' in found) {
      const { kid } = found.live
      const held = deps.cache.get(placeOf(owner))
      if (held?.kid === kid) return use(held.key, kid)
      return unwrap(deps, owner, found.live, (key) => use(key, kid))
    }
    try {
      return await make(deps, owner, found, use)
    } catch (error) {
      const raced = error instanceof SallyportError && error.code === 'secrets_conflict'
      if (!raced || attempt >= 4) throw error
    }
  }
}

export function createDataKeys(input: {
  readonly backend: Backend
  readonly random: RandomBytes
  readonly capacity: number
}): DataKeys {
  const deps = { ...input, cache: createKeyCache(input.capacity) }
  return {
    withKey: (owner, kid, use) => withKey(deps, owner, kid, use),
    withNewest: (owner, use) => withNewest(deps, owner, use),
    forget: (principal) => deps.cache.forget(principal === undefined ? undefined : principalKey(principal)),
  }
}
