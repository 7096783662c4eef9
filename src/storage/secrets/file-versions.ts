import { readdir, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { SallyportError } from '../../model/index.ts'
import { createTurns } from '../turns.ts'
import type { RandomBytes } from './envelope.ts'
import { isErrno, isTemporary, makeFolder, syncFolder, writeVersion } from './file-write.ts'

/** Entries as folders, versions as files in them: `<path>/1`, `<path>/2`. Two are kept, as in KV version 2. */
export interface FileVersions {
  newest(path: string): Promise<{ readonly version: number; readonly bytes: Buffer } | undefined>
  /** @throws secrets_conflict unless `expected` is the newest (0: there is none) */
  add(path: string, expected: number, bytes: Uint8Array): Promise<number>
  removeBelow(path: string, version: number): Promise<void>
  /** Remove what writers left who died half-way. */
  sweep(): Promise<void>
}

const versionPattern = /^[1-9]\d{0,14}$/

const conflict = (): SallyportError => new SallyportError('secrets_conflict')

/** The numbers of an entry's versions, in order. */
async function versionsOf(folder: string): Promise<number[]> {
  try {
    const names = await readdir(folder)
    return names
      .filter((name) => versionPattern.test(name))
      .map(Number)
      .sort((a, b) => a - b)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

async function removeAll(folder: string, versions: readonly number[]): Promise<void> {
  if (versions.length === 0) return
  for (const version of versions) {
    await unlink(join(folder, String(version))).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw error
    })
  }
  await syncFolder(folder)
}

/** Whoever meets a full, read-only or vanished disk learns that the store does not answer, not the path. */
async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof SallyportError) throw error
    throw new SallyportError(
      'secrets_unavailable',
      {
        field: 'data',
        remedy: 'the folder of the secrets cannot be read or written: look at its disk and owner',
      },
      error,
    )
  }
}

export function createFileVersions(root: string, random: RandomBytes): FileVersions {
  const inTurn = createTurns()

  async function newest(path: string): Promise<{ version: number; bytes: Buffer } | undefined> {
    const folder = join(root, path)
    for (;;) {
      const version = (await versionsOf(folder)).at(-1)
      if (version === undefined) return undefined
      try {
        return { version, bytes: await readFile(join(folder, String(version))) }
      } catch (error) {
        // A writer has put two newer ones in its place in the meantime.
        if (!isErrno(error, 'ENOENT')) throw error
      }
    }
  }

  async function add(path: string, expected: number, bytes: Uint8Array): Promise<number> {
    const folder = join(root, path)
    if (((await versionsOf(folder)).at(-1) ?? 0) !== expected) throw conflict()
    await makeFolder(root, folder)
    const version = expected + 1
    if (!(await writeVersion(folder, version, bytes, random))) throw conflict()
    const versions = await versionsOf(folder)
    if (versions.at(-1) !== version) {
      // Others have gone past it since the check: even the number may have been free only because they pushed it out.
      await removeAll(folder, [version])
      throw conflict()
    }
    await removeAll(folder, versions.slice(0, -2))
    return version
  }

  async function removeBelow(path: string, version: number): Promise<void> {
    const folder = join(root, path)
    const older = (await versionsOf(folder)).filter((found) => found < version)
    await removeAll(folder, older)
  }

  async function sweep(): Promise<void> {
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && isTemporary(entry.name)) await unlink(join(entry.parentPath, entry.name))
    }
  }

  return {
    newest: (path) => onDisk(() => newest(path)),
    add: (path, expected, bytes) => inTurn(path, () => onDisk(() => add(path, expected, bytes))),
    removeBelow: (path, version) => inTurn(path, () => onDisk(() => removeBelow(path, version))),
    sweep: () => onDisk(sweep),
  }
}
