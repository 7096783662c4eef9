/** A file system of its own and of a size that can be filled: a real one, in memory. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Whether this user may mount one. */
export function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export interface SmallDisk {
  fill(): void
  free(): void
}

export function mountSmallDisk(at: string, size: string): SmallDisk {
  mkdirSync(at, { recursive: true, mode: 0o700 })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'sallyport-test', at])
  // What is still open on it keeps it until it is closed; the name is free at once.
  onTestFinished(() => void execFileSync('umount', ['--lazy', at]))
  const ballast = join(at, 'ballast')
  return {
    fill: () => {
      const fd = openSync(ballast, 'a')
      for (const size of [65_536, 4096, 1]) fillBy(fd, Buffer.alloc(size))
      closeSync(fd)
    },
    free: () => rmSync(ballast),
  }
}

function fillBy(fd: number, piece: Buffer): void {
  try {
    for (;;) if (writeSync(fd, piece) < piece.length) return
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}
