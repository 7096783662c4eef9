import { createHash } from 'node:crypto'
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { run } from './run.ts'

export interface Packages {
  /** What they are for, as the progress says it. */
  readonly what: string
  /** Of the folder in the cache. */
  readonly name: string
  /** The folder with package.json and package-lock.json. */
  readonly source: string
}

/**
 * A folder in whose node_modules is what a lockfile names. These are no dependencies of the project: each is many
 * megabytes that few tests need. `undefined`: offline and not in the cache.
 */
export async function obtainPackages({ what, name, source }: Packages): Promise<string | undefined> {
  const lock = await readFile(join(source, 'package-lock.json'))
  const digest = createHash('sha256').update(lock).digest('hex').slice(0, 12)
  return cached(`${name}-${digest}`, async (into) => {
    for (const file of ['package.json', 'package-lock.json'])
      await copyFile(join(source, file), join(into, file))
    await run({
      what: `${what}: installing with npm`,
      program: 'npm',
      args: ['ci', '--prefix', into, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    })
  })
}
