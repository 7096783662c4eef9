import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from './cache.ts'
import { obtainGo } from './go.ts'
import { run } from './run.ts'
import { findCurl, findNginx, findPython } from './tools.ts'

const sources = fileURLToPath(new URL('../../clients', import.meta.url))

/** HTTP clients of other languages, for tests of the forward proxy, and servers that read what is sent. */
export interface Clients {
  readonly curl: string
  readonly nginx: string
  /** The interpreter, and the folder of its libraries for `PYTHONPATH`. */
  readonly python: { readonly program: string; readonly libraries: string }
  /** Programs by the name of their folder under test/clients/go. */
  readonly go: Readonly<Record<(typeof programs)[number], string>>
  readonly goCompiler: string
}

/** `undefined`: offline and not in the cache. */
export async function obtainClients(): Promise<Clients | undefined> {
  const goCompiler = await obtainGo()
  if (goCompiler === undefined) return undefined
  const [libraries, built] = await Promise.all([obtainLibraries(), obtainGoPrograms(goCompiler)])
  if (libraries === undefined || built === undefined) return undefined
  return {
    curl: await findCurl(),
    nginx: await findNginx(),
    python: { program: await findPython(), libraries },
    go: { client: join(built, 'client'), example: join(built, 'example') },
    goCompiler,
  }
}

/** requests and httpx with what they need: wheels without native code, for Python 3.9 and newer. */
const wheels = {
  'anyio==4.12.1': 'd405828884fc140aa80a3c667b8beed277f1dfedec42ba031bd6ac3db606ab6c',
  'certifi==2026.10.18': '73191c47aaa79da394e8fee2dbc2ec827432cab56311122c9e47abf79e390f62',
  'charset-normalizer==3.5.2': 'b6b751274acb69d77b3323d6b7dbaa3c7fdfc1eb829b7eb61d262f32e1af9685',
  'exceptiongroup==1.3.1': 'a7a39a3bd276781e98394987d3a5701d0c4edffb633bb7a5144577f82c773598',
  'h11==0.16.0': '63cf8bbe7522de3bf65932fda1d9c2772064ffb3dae62d55932da54b31cb6c86',
  'httpcore==1.0.9': '2d400746a40668fc9dec9810239072b40b4484b640a8c38fd654a024c7a1bf55',
  'httpx==0.28.1': 'd909fcccc110f8c7faf814ca82a9a4d816bc5a6dbfea25d6591d6985b8ba59ad',
  'idna==3.20': 'ab7ae7122974553370f0bdb919e1a960b2cd1bc1ef0276416d896db81c14582c',
  'requests==2.32.5': '2462f94637a34fd532264295e186976db0f5d453d1cdd31473c85a6a161affb6',
  'typing-extensions==4.16.0': '481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8',
  'urllib3==2.6.3': 'bf272323e553dfb2e87d9bfd225ca7b0f467b919d7bbd355436d3fd37cb0acd4',
}

function obtainLibraries(): Promise<string | undefined> {
  const lines = Object.entries(wheels).map(([name, sha]) => `${name} --hash=sha256:${sha}\n`)
  return cached(`python-clients-${digest(lines)}`, async (into) => {
    const requirements = join(into, 'requirements.txt')
    await writeFile(requirements, lines.join(''))
    const pure = ['--platform', 'any', '--implementation', 'py', '--abi', 'none', '--only-binary=:all:']
    const options = [...pure, '--no-deps', '--no-compile', '--no-cache-dir', '--require-hashes']
    await run({
      what: 'requests and httpx: downloading with pip',
      program: await findPython(),
      args: ['-m', 'pip', 'install', '--quiet', ...options, '--target', into, '-r', requirements],
    })
  })
}

const programs = ['client', 'example'] as const

/** Built once for each version of their sources; they import nothing but Go's own library. */
async function obtainGoPrograms(go: string): Promise<string | undefined> {
  const files = programs.map((name) => join(sources, 'go', name, 'main.go'))
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  return cached(`go-clients-${process.platform}-${process.arch}-${digest(texts)}`, async (into) => {
    for (const [index, name] of programs.entries()) {
      await run({
        what: `Go: building the ${name}`,
        program: go,
        args: ['build', '-trimpath', '-o', join(into, name), files[index] ?? ''],
        env: { GOTOOLCHAIN: 'local', GOPROXY: 'off', GOFLAGS: '', GO111MODULE: 'off', CGO_ENABLED: '0' },
      })
    }
  })
}

function digest(texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 12)
}
