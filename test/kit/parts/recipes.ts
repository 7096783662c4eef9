import { createHash } from 'node:crypto'
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached, offline } from './cache.ts'
import { run } from './run.ts'
import { findPython, hasPython } from './tools.ts'

const sources = fileURLToPath(new URL('../../recipes', import.meta.url))

/** What the programs of docs/recipes.md need besides themselves. */
export interface Recipes {
  /** The folder in whose node_modules the packages of test/recipes/node are. */
  readonly node: string
  /** The interpreter, and the folder of its libraries for `PYTHONPATH`. */
  readonly python: { readonly program: string; readonly libraries: string }
}

/** `undefined`: offline and not in the cache. */
export async function obtainRecipes(): Promise<Recipes | undefined> {
  const [node, python] = await Promise.all([obtainNodePackages(), obtainPythonLibraries()])
  return node === undefined || python === undefined ? undefined : { node, python }
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

/** Some have native code, so the folder is that of one interpreter. */
async function obtainPythonLibraries(): Promise<Recipes['python'] | undefined> {
  if (offline() && !hasPython()) return undefined
  const program = await findPython()
  const requirements = join(sources, 'python', 'requirements.txt')
  const tag = (await run({ what: 'asking Python for its version', program, args: ['-c', tell] })).trim()
  const libraries = await cached(`recipes-${tag}-${digest(await readFile(requirements))}`, async (into) => {
    const options = ['--no-deps', '--no-cache-dir', '--only-binary=:all:', '--require-hashes']
    await run({
      what: 'recipes for Python: downloading with pip',
      program,
      args: ['-m', 'pip', 'install', '--quiet', ...options, '--target', into, '-r', requirements],
    })
  })
  return libraries === undefined ? undefined : { program, libraries }
}

const tell = `
import sys, sysconfig
print(sys.implementation.cache_tag + "-" + sysconfig.get_platform())
`

function digest(...contents: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const content of contents) hash.update(content).update('\0')
  return hash.digest('hex').slice(0, 12)
}
