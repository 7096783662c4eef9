import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { say } from './run.ts'

/** Where parts are kept between runs: outside the work tree, so that a fresh clone finds them again. */
function cacheFolder(): string {
  const { SALLYPORT_CACHE, XDG_CACHE_HOME } = process.env
  return SALLYPORT_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'sallyport')
}

/** True where parts that are not in the cache may be missing: their tests are skipped and counted. */
export function offline(): boolean {
  return process.env['SALLYPORT_TEST_OFFLINE'] === '1'
}

/**
 * The folder of one thing in the cache, made at first use. Of several runs at once one makes it and the others
 * wait; a folder without its mark is the rest of a broken run and is made anew. `undefined`: offline and not there.
 */
export async function cached(
  name: string,
  make: (folder: string) => Promise<void>,
): Promise<string | undefined> {
  const folder = join(cacheFolder(), name)
  const mark = join(folder, '.complete')
  if (existsSync(mark)) return folder
  if (offline()) return undefined
  await mkdir(cacheFolder(), { recursive: true })
  const release = await lock(`${folder}.lock`, name)
  try {
    if (existsSync(mark)) return folder
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await make(folder)
    await writeFile(mark, '')
    return folder
  } finally {
    await release()
  }
}

/** A lock file with the holder's process id; one whose holder is gone counts as free. */
async function lock(path: string, name: string): Promise<() => Promise<void>> {
  for (let waited = 0; ; waited += 1) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(String(process.pid))
      await file.close()
      return () => rm(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''))
    if (holder > 0 && !alive(holder)) await rm(path, { force: true })
    else if (waited % 100 === 0) say(`${name}: another run (process ${holder}) is getting it, waiting`)
    await pause(100)
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
