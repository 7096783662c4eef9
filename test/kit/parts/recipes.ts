import { createHash } from 'node:crypto'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programNamed } from '../../recipes/document.ts'
import { cached, offline } from './cache.ts'
import { obtainGo } from './go.ts'
import { obtainPackages } from './packages.ts'
import { run } from './run.ts'
import { findPython, hasPython, pythonTag } from './tools.ts'

const sources = fileURLToPath(new URL('../../recipes', import.meta.url))

/** What the programs of docs/recipes.md need besides themselves. */
export interface Recipes {
  /** The folder in whose node_modules the packages of test/recipes/node are. */
  readonly node: string
  /** The interpreter, and the folder of its libraries for `PYTHONPATH`. */
  readonly python: { readonly program: string; readonly libraries: string }
  /** The folder of the programs in Go, by their names without `.go`. */
  readonly go: string
}

/** `undefined`: offline and not in the cache. */
export async function obtainRecipes(): Promise<Recipes | undefined> {
  const [node, python, go] = await Promise.all([
    obtainNodePackages(),
    obtainPythonLibraries(),
    obtainGoProgram(),
  ])
  return node === undefined || python === undefined || go === undefined ? undefined : { node, python, go }
}

const obtainNodePackages = (): Promise<string | undefined> =>
  obtainPackages({ what: 'recipes for Node', name: 'recipes-node', source: join(sources, 'node') })

/** Some have native code, so the folder is that of one interpreter. */
async function obtainPythonLibraries(): Promise<Recipes['python'] | undefined> {
  if (offline() && !hasPython()) return undefined
  const program = await findPython()
  const requirements = join(sources, 'python', 'requirements.txt')
  const tag = pythonTag()
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

/** Built once for each version of the program and of what it imports. */
async function obtainGoProgram(): Promise<string | undefined> {
  const program = programNamed('go-sdk.go')
  const modules = ['go.mod', 'go.sum'].map((name) => join(sources, 'go', name))
  const texts = await Promise.all(modules.map((path) => readFile(path)))
  const name = `recipes-go-${process.platform}-${process.arch}-${digest(program, ...texts)}`
  return cached(name, async (into) => {
    for (const path of modules) await copyFile(path, join(into, basename(path)))
    await writeFile(join(into, 'main.go'), program)
    const go = await obtainGo()
    if (go === undefined) throw new Error('there is no Go')
    await run({
      what: 'recipes for Go: building',
      program: go,
      args: ['build', '-C', into, '-mod=readonly', '-trimpath', '-o', join(into, 'go-sdk'), '.'],
      env: { GOTOOLCHAIN: 'local', GOFLAGS: '', GOWORK: 'off', GO111MODULE: 'on', CGO_ENABLED: '0' },
    })
  })
}

function digest(...contents: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const content of contents) hash.update(content).update('\0')
  return hash.digest('hex').slice(0, 12)
}
