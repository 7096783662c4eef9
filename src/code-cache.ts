import { lstatSync, mkdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'

/**
 * Keeps what V8 compiles for the next start, in a folder beside the program. What lies there is run without a look at
 * the source, so whoever can write it must be able to write the program as well: nobody but its owner, root and
 * ourselves. Without such a folder each start compiles anew.
 *
 * Node reads and writes a folder of its own in there, by version, machine and user.
 */
export function keepCompiledCode(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch {
    // There already, or not ours to write in: what was put there when the image was made can still be read.
  }
  if (isPrivate(folder)) enableCompileCache(folder)
}

function isPrivate(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  if (found === undefined) return false
  const owned = found.uid === 0 || found.uid === process.geteuid?.()
  return found.isDirectory() && owned && (found.mode & 0o022) === 0
}
