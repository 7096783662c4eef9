import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { bao, type BaoAddress } from './openbao.ts'
import { type Daemon, freePort, startDaemon, untilReady } from './process.ts'

/** One of the three; `address` stays the same over restarts. */
export interface Node {
  readonly address: string
  pid(): number
  isRunning(): boolean
  /** SIGKILL. The data stay. */
  kill(): Promise<void>
  /** Starts it again on the same data; it opens itself and finds the others. */
  restart(): Promise<void>
}

/** Three nodes on raft that open themselves (static seal), each of them a voter. */
export interface OpenBaoCluster {
  readonly nodes: readonly Node[]
  readonly rootToken: string
  /** The active node, once there is one that the running ones agree on. */
  leader(): Promise<Node>
  /** Ends them and deletes their data. */
  stop(): Promise<void>
}

/** An election takes seconds, and on a busy machine most of a minute. */
const patienceSeconds = 120

interface Place {
  readonly id: string
  readonly folder: string
  readonly api: number
  readonly cluster: number
}

const addressOf = ({ api }: Place): string => `http://127.0.0.1:${api}`

/** The multiplier of 1 is what production clusters are advised to have; elections are quicker with it. */
async function writeConfiguration(place: Place, first: Place, sealKey: string): Promise<void> {
  const joining = place === first ? '' : `  retry_join {\n    leader_api_addr = "${addressOf(first)}"\n  }\n`
  await mkdir(join(place.folder, 'raft'), { recursive: true })
  await writeFile(
    join(place.folder, 'bao.hcl'),
    `disable_mlock = true
api_addr      = "${addressOf(place)}"
cluster_addr  = "http://127.0.0.1:${place.cluster}"
listener "tcp" {
  address         = "127.0.0.1:${place.api}"
  cluster_address = "127.0.0.1:${place.cluster}"
  tls_disable     = true
}
storage "raft" {
  path                   = "${join(place.folder, 'raft')}"
  node_id                = "${place.id}"
  performance_multiplier = 1
${joining}}
seal "static" {
  current_key_id = "k1"
  current_key    = "file://${sealKey}"
}
`,
  )
}

function startNode(binary: string, { folder }: Place): Promise<Daemon> {
  return startDaemon({
    program: binary,
    args: ['server', `-config=${join(folder, 'bao.hcl')}`],
    logFile: join(folder, 'bao.log'),
    env: { BAO_ADDR: '', BAO_TOKEN: '', VAULT_ADDR: '', VAULT_TOKEN: '', HOME: folder },
  })
}

/** `sys/health`: 200 active, 429 standby, 501 not initialised, 503 sealed; 0 where nothing answers. */
async function health(address: string): Promise<number> {
  try {
    return (await fetch(`${address}/v1/sys/health`, { signal: AbortSignal.timeout(2000) })).status
  } catch {
    return 0
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + patienceSeconds * 1000
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > limit) throw new Error(`${what}: not within ${patienceSeconds} s`)
    await pause(100)
  }
}

async function voters(at: BaoAddress): Promise<number> {
  const { data } = await bao(at, 'GET', 'sys/storage/raft/configuration')
  return data.config.servers.filter(({ voter }: { voter: boolean }) => voter).length
}

export async function startOpenBaoClusterAt(binary: string): Promise<OpenBaoCluster> {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-bao-cluster-'))
  const sealKey = join(root, 'seal.key')
  await writeFile(sealKey, randomBytes(32), { mode: 0o600 })
  const places: Place[] = []
  for (const id of ['n1', 'n2', 'n3'])
    places.push({ id, folder: join(root, id), api: await freePort(), cluster: await freePort() })
  const daemons = new Map<Place, Daemon>()
  const stop = async () => {
    await Promise.all([...daemons.values()].map((daemon) => daemon.stop()))
    await rm(root, { recursive: true, force: true })
  }
  try {
    for (const place of places) await writeConfiguration(place, places[0]!, sealKey)
    const rootToken = await formCluster(binary, places, daemons)
    const nodes = places.map((place): Node => nodeOf(binary, place, daemons))
    return { nodes, rootToken, leader: () => leaderOf(nodes), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The first is initialised alone, so that it is known which data the others join. */
async function formCluster(
  binary: string,
  places: readonly Place[],
  daemons: Map<Place, Daemon>,
): Promise<string> {
  const [first, ...others] = places as readonly [Place, ...Place[]]
  const address = addressOf(first)
  const daemon = await startNode(binary, first)
  daemons.set(first, daemon)
  await untilReady(
    'OpenBao, first node',
    daemon,
    async () => (await health(address)) === 501,
    patienceSeconds,
  )
  const init = await bao({ address, rootToken: '' }, 'PUT', 'sys/init', {
    recovery_shares: 1,
    recovery_threshold: 1,
  })
  const rootToken: string = init.root_token
  await until('OpenBao, first node active', async () => (await health(address)) === 200)
  for (const place of others) daemons.set(place, await startNode(binary, place))
  // Joiners begin without a vote: a leader killed before all three have one takes the cluster with it.
  await until('OpenBao, three voters', async () => (await voters({ address, rootToken })) === places.length)
  for (const place of others)
    await until('OpenBao, standby', async () => (await health(addressOf(place))) === 429)
  return rootToken
}

function nodeOf(binary: string, place: Place, daemons: Map<Place, Daemon>): Node {
  const daemon = () => daemons.get(place)!
  return {
    address: addressOf(place),
    pid: () => daemon().pid,
    isRunning: () => daemon().isRunning(),
    kill: () => daemon().kill(),
    restart: async () => {
      await daemon().stop()
      daemons.set(place, await startNode(binary, place))
      await until('OpenBao, restarted node', async () => [200, 429].includes(await health(addressOf(place))))
    },
  }
}

async function leaderOf(nodes: readonly Node[]): Promise<Node> {
  let leader: Node | undefined
  await until('OpenBao, a leader', async () => {
    const running = nodes.filter((node) => node.isRunning())
    const states = await Promise.all(
      running.map(async (node) => ({ node, state: await health(node.address) })),
    )
    const active = states.filter(({ state }) => state === 200)
    leader = active[0]?.node
    return active.length === 1 && states.every(({ state }) => state === 200 || state === 429)
  })
  return leader!
}
