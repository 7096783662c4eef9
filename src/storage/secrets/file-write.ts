import { link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { RandomBytes } from './envelope.ts'
import { base32 } from '../../model/index.ts'

export const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/** What is in the folder is on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Make a folder and those above it, up to `root`, readable by the owner only and on the disk. */
export async function makeFolder(root: string, path: string): Promise<void> {
  if (path === root) return
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return
    if (!isErrno(error, 'ENOENT')) throw error
    await makeFolder(root, dirname(path))
    return makeFolder(root, path)
  }
  await syncFolder(dirname(path))
}

export const isTemporary = (name: string): boolean => name.startsWith('new-')

/**
 * Put `bytes` into `folder` as file `version`, whole and on the disk, unless that version is there: a link, unlike
 * a rename, replaces nothing, so of two writers one wins, in whatever process. False for the other one. A crash
 * leaves at most a `new-` file.
 */
export async function writeVersion(
  folder: string,
  version: number,
  bytes: Uint8Array,
  random: RandomBytes,
): Promise<boolean> {
  const temporary = join(folder, `new-${base32(random(10))}`)
  const file = await open(temporary, 'wx', 0o600)
  try {
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(temporary, join(folder, String(version)))
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw error
  } finally {
    await unlink(temporary)
  }
  await syncFolder(folder)
  return true
}
