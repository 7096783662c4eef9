import { createHash } from 'node:crypto'
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from './cache.ts'
import { run } from './run.ts'

const sources = fileURLToPath(new URL('../../recipes', import.meta.url))

/** What the programs of docs/recipes.md need besides themselves. */
export interface Recipes {
  /** The folder in whose node_modules the packages of test/recipes/node are. */
  readonly node: string
}

/** `undefined`: offline and not in the cache. */
export async function obtainRecipes(): Promise<Recipes | undefined> {
  const node = await obtainNodePackages()
  return node === undefined ? undefined : { node }
}

async function obtainNodePackages(): Promise<string | undefined> {
  const lock = await readFile(join(sources, 'node', 'package-lock.json'))
  return cached(`recipes-node-${digest(lock)}`, async (into) => {
    for (const name of ['package.json', 'package-lock.json'])
      await copyFile(join(sources, 'node', name), join(into, name))
    await run({
      what: 'recipes for Node: installing with npm',
      program: 'npm',
      args: ['ci', '--prefix', into, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    })
  })
}

function digest(...contents: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const content of contents) hash.update(content).update('\0')
  return hash.digest('hex').slice(0, 12)
}
