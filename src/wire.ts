/**
 * The only place where rooms meet. Values are built from the bottom up and handed on as arguments; what a lower room
 * needs of a higher one it gets as a function. Here alone the clock and randomness of the machine are read.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config/index.ts'
import { createEgress, type Egress } from './egress/index.ts'
import { createExchange, type Exchange } from './exchange/index.ts'
import { type Ground, type Machine, openGround, witnessPath } from './ground.ts'
import {
  type DevIssuer,
  openDevIssuer,
  openIdentity,
  type OpenIdentity,
  type Proof,
  writeCapability,
} from './identity/index.ts'
import { type Clock, epoch, millis, type Scope, type Seq, type Session } from './model/index.ts'
import type { Definitions, Gateway } from './mcp/index.ts'
import { compilePolicy, type Policy } from './policy/index.ts'
import {
  createHorizon,
  createReplica,
  createRevocations,
  type Horizon,
  type Replica,
  type Revocations,
} from './revocation/index.ts'
import { agreesWithWitness } from './storage/index.ts'
import { type AccountsDoor, introductionOf, openAccounts } from './wire-accounts.ts'
import { openGateway } from './wire-gateway.ts'
import { exchangeSlice, openOwnTokens, openSignIn } from './wire-signin.ts'
import type { AccessTokens, SignInDoor } from './signin/index.ts'
import { startUpkeep } from './upkeep.ts'
import { cutSession, type Ending, endSessions, endSoon } from './wire-ending.ts'
import { openTools } from './wire-tools.ts'
import { withHorizon } from './with-horizon.ts'
import { createHealth, createMetrics, type Health, type Log, type Metrics } from './telemetry/index.ts'

export const clock: Clock = {
  now: () => epoch(Date.now() / 1000),
  monotonic: () => millis(performance.now()),
}

export const random = (bytes: number): Buffer => randomBytes(bytes)

const machine: Machine = { clock, random, nowMs: () => Date.now() }

/** One running process: its rooms, what its faces serve, and how it ends. */
export interface Instance extends Ground {
  readonly config: Config
  readonly log: Log
  readonly metrics: Metrics
  readonly health: Health
  readonly policy: Policy
  readonly identity: OpenIdentity
  readonly exchange: Exchange
  readonly replica: Replica
  readonly revocations: Revocations
  readonly definitions: Definitions
  readonly egress: Egress
  readonly gateway: Gateway
  readonly accounts: AccountsDoor
  readonly admin: Proof
  readonly dev: DevIssuer | undefined
  /** Undefined where nobody can sign in. */
  readonly signIn: SignInDoor | undefined
  /** Names for the egress's `Host`; the port may be known only once it listens. */
  readonly egressHosts: string[]
  readonly gatewayHosts: string[]
}

/** What is made before the rooms that use it, and handed to all of them. */
interface Base extends Ground {
  readonly config: Config
  readonly log: Log
  readonly metrics: Metrics
  readonly policy: Policy
  readonly replica: Replica
  readonly horizon: Horizon
}

export interface OpenOptions extends Pick<Machine, 'lookup'> {
  readonly log: Log
  readonly restored: boolean
  /** Told what an entry could look like of a tool that is hidden for the want of one. */
  readonly propose?: (text: string) => void
}

/** Everything of the single and dev forms, opened and checked, not listening yet. @throws SallyportError */
export async function openInstance(
  config: Config,
  { log, restored, lookup, propose }: OpenOptions,
): Promise<Instance> {
  const metrics = createMetrics({ process: true })
  const health = createHealth(['configuration', 'keys', 'log'], metrics)
  health.ready('configuration')
  const ground = await openGround(config, log, lookup === undefined ? machine : { ...machine, lookup })
  health.ready('keys')
  try {
    const { tenant, servers, downstreams, version } = config
    const policy = compilePolicy({ tenant, servers, downstreams, version })
    const replica = createReplica({ tenant, skew: config.login.skew }, { lease: { fresh: ground.lock.held } })
    const base: Base = { ...ground, config, log, metrics, policy, replica, horizon: createHorizon(clock) }
    const rooms = { ...(await openRooms(base)), definitions: await openTools({ ...base, clock }, propose) }
    await startLog(base, rooms.revocations, restored)
    health.ready('log')
    const runs = config.servers.some((server) => server.stdio !== undefined)
    // What comes over a child's socket names no port.
    const egressHosts = runs ? ['localhost'] : []
    const gatewayHosts: string[] = []
    const isOpen = (call: string): boolean => gateway.calls.find(call) !== undefined
    const handle: Egress['handle'] = (req, res) => egress.handle(req, res)
    // Loaded by those who run programs alone.
    const stdio = runs
      ? (await import('./wire-stdio.ts')).openStdio({ ...base, clock, random }, { isOpen, egress: handle })
      : undefined
    const accounts = openAccounts({ ...base, ...rooms, clock, random })
    const { connectUrl } = accounts
    const gateway = openGateway({ ...base, ...rooms, connectUrl, stdio, clock, random }, gatewayHosts)
    const egress = openEgress(base, { ...rooms, gateway, connectUrl }, egressHosts)
    const signIn = openSignIn({ ...base, ...rooms, clock, random })
    const stopUpkeep = await startUpkeep({ ...base, ...rooms, signIn, clock })
    const close = async () => {
      stopUpkeep()
      await stdio?.close()
      await rooms.exchange.close()
      await rooms.revocations.close()
      await ground.close()
    }
    return { ...base, ...rooms, health, egress, gateway, accounts, signIn, egressHosts, gatewayHosts, close }
  } catch (error) {
    await ground.close()
    throw error
  }
}

interface Rooms {
  readonly exchange: Exchange
  readonly identity: OpenIdentity
  readonly accessTokens: AccessTokens
  readonly revocations: Revocations
  readonly endSession: (session: Session, why: Ending) => Promise<void>
  readonly admin: Proof
  readonly dev: DevIssuer | undefined
}

async function openRooms(base: Base): Promise<Rooms> {
  const { config, state, dial, replica, policy } = base
  const common = { ...base, gate: replica.gate, clock, random, fetch: dial.fetch }
  const { connections, consents } = state
  // The exchange and identity ask revocations, which tell both what was cut.
  const exchange = createExchange(exchangeSlice(config, policy), {
    ...common,
    connections,
    consents,
    introduction: introductionOf({ ...base, random }),
    sessionEnded: (session, cause) => endSoon(endSession(session, { by: 'sallyport', cause }), base.log),
    revokeLater: (place, token) => revocations.revokeLater(place, token),
  })
  const endSession: Rooms['endSession'] = (session, why) => cutSession(revocations, session, why)
  const revokeSession = (session: Session, by: string): Promise<void> =>
    endSession(session, { by, cause: 'its token was revoked' })
  const dev = config.login.builtIn ? openDevIssuer(config.url, { clock, random }) : undefined
  const accessTokens = openOwnTokens({ ...base, clock })
  const { identity, admin } = await openCallers(base, { exchange, dev, accessTokens, revokeSession })
  const bar = async (scope: Scope, seq: Seq) => {
    identity.forget()
    exchange.bar(scope)
    return endSessions(scope, seq, state)
  }
  const revocations: Revocations = createRevocations(
    { tenant: config.tenant },
    {
      ...common,
      signer: base.keyring.signer,
      bar,
      provider: exchange.revokeAtProvider,
      random: randomUUID,
    },
  )
  return { exchange, identity, accessTokens, revocations, endSession, admin, dev }
}

/** Who may call: capability files, made anew at each start, and the tokens of principals. */
async function openCallers(
  base: Base,
  rooms: {
    readonly exchange: Exchange
    readonly dev: DevIssuer | undefined
    readonly accessTokens: AccessTokens
    readonly revokeSession: (session: Session, by: string) => Promise<void>
  },
) {
  const { config, replica, policy, state, keyring } = base
  const run = join(config.data, 'run')
  mkdirSync(run, { recursive: true, mode: 0o750 })
  const capabilities = new Map<string, Proof>()
  for (const { name } of config.servers) {
    capabilities.set(name, await writeCapability(join(run, `${name}.cap`), 'server', { random }))
  }
  const admin = await writeCapability(join(run, 'admin.cap'), 'admin', { random })
  const { lifetime, algorithm, keyRotation: rotation } = config.session
  const identity = openIdentity(
    { ...config, lifetime, algorithm, rotation, logins: [rooms.dev?.login ?? config.login] },
    {
      ...base,
      fetch: base.dial.fetch,
      clock,
      random,
      gate: replica.gate,
      sidKey: keyring.derive('session ids'),
      admit: policy.admit,
      signInAllowed: replica.view.coversSignIn,
      hand: rooms.exchange.hand,
      sessions: state.sessions,
      capabilities,
      revokeSession: rooms.revokeSession,
      ...(config.login.mode === 'direct' ? {} : { verifyOwn: rooms.accessTokens.verify }),
    },
  )
  return { identity, admin }
}

function openEgress(
  base: Base,
  {
    identity,
    exchange,
    gateway,
    connectUrl,
  }: Rooms & { readonly gateway: Gateway } & Pick<AccountsDoor, 'connectUrl'>,
  hosts: readonly string[],
): Egress {
  const { config, replica, dial, horizon } = base
  const { headersTimeout, idleTimeout, tunnelLife, tunnels } = config.limits
  return createEgress(
    {
      hosts,
      origins: [],
      reads: config.record.reads,
      stallMs: headersTimeout * 1000,
      idleMs: idleTimeout * 1000,
      tunnels: { lifeMs: tunnelLife * 1000, max: tunnels },
    },
    {
      ...base,
      calls: gateway.calls,
      identity,
      exchange: withHorizon(exchange, horizon),
      connectUrl,
      gate: replica.gate,
      live: replica.live,
      tunnel: dial.tunnel,
      transport: dial.transport,
      clock,
      newRequestId: randomUUID,
    },
  )
}

/** Applies the log; the configuration in force becomes its next entry where it differs from the last. */
async function startLog(base: Base, revocations: Revocations, restored: boolean): Promise<void> {
  const { config, state, policy, log } = base
  const lost = !(await agreesWithWitness(state.log, witnessPath(config)))
  if (lost) log.error('the log is behind its witness: a new epoch begins, and the whole tenant is cut')
  await revocations.start(restored || lost)
  const { version } = policy
  if ((await state.meta.get('policy')) === version) return
  await revocations.say(
    { kind: 'policy', tenant: config.tenant, version, digest: config.digest },
    'configuration',
  )
  await state.meta.set('policy', version)
}
