/**
 * The only place where rooms meet. Values are built from the bottom up and handed on as arguments; what a lower room
 * needs of a higher one it gets as a function. Here alone the clock and randomness of the machine are read.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { openAudit } from './audit/index.ts'
import type { Config, VaultSlice } from './config/index.ts'
import { createDial, createEgress, type Dial, type Egress } from './egress/index.ts'
import { createExchange, type Exchange } from './exchange/index.ts'
import {
  type DevIssuer,
  type LoginIssuer,
  openDevIssuer,
  openIdentity,
  type OpenIdentity,
  type Proof,
  writeCapability,
} from './identity/index.ts'
import {
  type Clock,
  epoch,
  millis,
  SallyportError,
  type Scope,
  seconds,
  type Session,
} from './model/index.ts'
import { compilePolicy, type Policy } from './policy/index.ts'
import {
  createHorizon,
  createReplica,
  createRevocations,
  type Replica,
  type Revocations,
} from './revocation/index.ts'
import {
  agreesWithWitness,
  type InstanceLock,
  lockInstance,
  openFileSecrets,
  openKeyring,
  openSqliteState,
  openVaultSecrets,
  type Secrets,
  type State,
  witnessed,
} from './storage/index.ts'
import {
  createHealth,
  createLog,
  createMetrics,
  type Health,
  type Log,
  type Metrics,
} from './telemetry/index.ts'

export const clock: Clock = {
  now: () => epoch(Date.now() / 1000),
  monotonic: () => millis(performance.now()),
}

/** Random bytes of the machine. */
export const random = (bytes: number): Buffer => randomBytes(bytes)

/** One running process: its rooms, what its faces serve, and how it ends. */
export interface Instance {
  readonly config: Config
  readonly log: Log
  readonly metrics: Metrics
  readonly health: Health
  readonly state: State
  readonly secrets: Secrets
  readonly policy: Policy
  readonly identity: OpenIdentity
  readonly exchange: Exchange
  readonly replica: Replica
  readonly revocations: Revocations
  readonly egress: Egress
  readonly admin: Proof
  readonly dev?: DevIssuer
  /** Names for the egress's `Host`; the port may be known only once it listens. */
  readonly egressHosts: string[]
  close(): Promise<void>
}

export interface WireOptions {
  readonly log: Log
  readonly restored: boolean
}

/** Everything of the single and dev forms, opened and checked, not listening yet. @throws SallyportError */
export async function openInstance(config: Config, { log, restored }: WireOptions): Promise<Instance> {
  const metrics = createMetrics({ process: true })
  const health = createHealth(['configuration', 'keys', 'log'], metrics)
  health.ready('configuration')
  const ground = await openGround(config, log)
  health.ready('keys')

  const policy = compilePolicy({
    tenant: config.tenant,
    servers: config.servers,
    downstreams: config.downstreams,
    version: config.version,
  })
  const { skew } = config.login
  const replica = createReplica({ tenant: config.tenant, skew }, { lease: { fresh: ground.lock.held } })
  const horizon = createHorizon(clock)
  const common = { ...ground, gate: replica.gate, clock, random, log, fetch: ground.dial.fetch }
  const exchange = createExchange(policy, { ...common, connections: ground.state.connections })

  // Identity asks revocations to cut a session, and revocations tell identity what was cut.
  const cutSession = (session: Session, by: string): Promise<void> => revokeSession(revocations, session, by)
  const dev = config.login.builtIn ? openDevIssuer(config.url, { clock, random }) : undefined
  const { identity, admin } = await openCallers(config, dev, {
    ...common,
    replica,
    policy,
    exchange,
    revokeSession: cutSession,
  })
  const bar = async (scope: Scope) => {
    identity.forget()
    exchange.bar(scope)
    return endSessions(scope, config, ground.state)
  }
  const revocations: Revocations = createRevocations(
    { tenant: config.tenant },
    {
      ...common,
      signer: ground.keyring.signer,
      metrics,
      replica,
      horizon,
      bar,
      provider: exchange.revokeAtProvider,
      random: randomUUID,
    },
  )
  await startLog(config, { ...ground, revocations, policy, log, restored })
  health.ready('log')

  const egressHosts: string[] = []
  const egress = createEgress(egressSlice(config, egressHosts), {
    ...common,
    identity,
    policy,
    exchange: withHorizon(exchange, horizon),
    live: replica.live,
    pool: ground.dial.pool,
    newRequestId: randomUUID,
    metrics,
  })
  const close = async () => {
    await revocations.close()
    exchange.close()
    await ground.close()
  }
  const optional = dev === undefined ? {} : { dev }
  return {
    config,
    log,
    metrics,
    health,
    ...ground,
    policy,
    identity,
    exchange,
    replica,
    revocations,
    egress,
    admin,
    egressHosts,
    ...optional,
    close,
  }
}

/** What lies below every room that decides: folder, lock, keys, state, sockets, secrets, record. */
async function openGround(config: Config, log: Log) {
  const lock: InstanceLock = lockInstance(config.data)
  const keyring = openKeyring(config.data, config.key)
  const opened = openSqliteState(join(config.data, 'state.db'), { newEpoch: randomUUID })
  const state: State = { ...opened, log: witnessed(opened.log, witnessPath(config)) }
  const dial = createDial(dialSlice(config))
  const secrets = await openSecrets(config, keyring.derive('files'), { dial, log })
  const audit = await openAudit(
    { directory: join(config.data, 'records'), ...config.record },
    {
      clock,
      nowMs: () => Date.now(),
      random,
      sign: keyring.signer.sign,
      publicKey: keyring.signer.publicJwk,
      fingerprintKey: keyring.derive('fingerprints'),
      anchors: state.anchors,
      log,
    },
  )
  const close = async () => {
    await audit.close()
    await secrets.close()
    await dial.close()
    await state.close()
    lock.release()
  }
  return { lock, keyring, state, dial, secrets, audit, outbox: state.outbox, close }
}

const witnessPath = (config: Config): string => join(config.data, 'log.witness.json')

async function openSecrets(
  config: Config,
  key: ReturnType<ReturnType<typeof openKeyring>['derive']>,
  deps: { readonly dial: Dial; readonly log: Log },
): Promise<Secrets> {
  const groups = [...new Set(config.servers.map((server) => server.group))]
  if (config.vault === undefined)
    return openFileSecrets({ dir: join(config.data, 'secrets'), key }, { clock, random })
  return openVaultSecrets(
    { ...config.vault, tenant: config.tenant, groups },
    { fetch: deps.dial.fetch, clock, random, log: deps.log },
  )
}

/** Only what is configured may be dialled. */
function dialSlice(config: Config) {
  const issuers = config.downstreams.flatMap(({ credential }) =>
    'issuer' in credential ? [credential.issuer] : [],
  )
  const logins = [config.login.issuer, ...config.workloads.map(({ issuer }) => issuer)]
  const urls = new Set([...config.downstreams.map(({ origin }) => origin), ...issuers, ...logins])
  const milliseconds = (span: number) => span * 1000
  return {
    origins: [...[...urls].map((url) => ({ url })), ...vaultOrigin(config.vault)],
    network: config.network,
    connectTimeoutMs: milliseconds(config.limits.connectTimeout),
    headersTimeoutMs: milliseconds(config.limits.headersTimeout),
    idleTimeoutMs: milliseconds(config.limits.idleTimeout),
  }
}

function vaultOrigin(vault: VaultSlice | undefined) {
  if (vault === undefined) return []
  return [{ url: vault.address, ...(vault.ca === undefined ? {} : { ca: vault.ca }) }]
}

function egressSlice(config: Config, hosts: readonly string[]) {
  return {
    hosts,
    origins: [],
    reads: config.record.reads,
    stallMs: config.limits.headersTimeout * 1000,
    idleMs: config.limits.idleTimeout * 1000,
  }
}

type Common = Awaited<ReturnType<typeof openGround>> & {
  readonly log: Log
  readonly fetch: Dial['fetch']
  readonly replica: Replica
  readonly policy: Policy
  readonly exchange: Exchange
  readonly revokeSession: (session: Session, by: string) => Promise<void>
}

/** Who may call: capability files, made anew at each start, and the tokens of principals. */
async function openCallers(config: Config, dev: DevIssuer | undefined, common: Common) {
  const run = join(config.data, 'run')
  const capabilities = new Map<string, Proof>()
  for (const { name } of config.servers) {
    capabilities.set(name, await writeCapability(join(run, `${name}.cap`), 'server', { random }))
  }
  const admin = await writeCapability(join(run, 'admin.cap'), 'admin', { random })
  const login: LoginIssuer = dev?.login ?? config.login
  const { replica, policy, exchange, state, keyring } = common
  const identity = openIdentity(
    {
      url: config.url,
      tenant: config.tenant,
      environment: config.environment,
      lifetime: config.session.lifetime,
      algorithm: config.session.algorithm,
      rotation: config.session.keyRotation,
      logins: [login],
      workloads: config.workloads,
      servers: config.servers,
      downstreams: config.downstreams,
    },
    {
      ...common,
      clock,
      random,
      gate: replica.gate,
      sidKey: keyring.derive('session ids'),
      admit: policy.admit,
      signInAllowed: replica.view.coversSignIn,
      hand: exchange.hand,
      sessions: state.sessions,
      capabilities,
    },
  )
  return { identity, admin }
}

/** Forgets the sessions of a scope, and tells by which claim their sign-ins were dated. */
async function endSessions(scope: Scope, config: Config, state: State) {
  const reached = await state.sessions.list(config.tenant, scope, epoch(0))
  const byIat = reached.some(({ authTimeFrom }) => authTimeFrom === 'iat')
  return {
    sessions: await state.sessions.end(scope),
    signIns: byIat ? ('iat-only' as const) : ('auth_time' as const),
  }
}

/** A session token that its server gives back ends its session, with everything that stands on it (RFC 7009). */
async function revokeSession(revocations: Revocations, session: Session, by: string): Promise<void> {
  const scope: Scope = { kind: 'session', tenant: session.principal.tenant, sid: session.sid }
  await revocations.revoke({
    id: randomUUID(),
    scope,
    hold: false,
    cause: 'its token was revoked',
    by,
    wait: 'fence',
    waitSeconds: seconds(5),
  })
}

interface LogStart {
  readonly state: State
  readonly revocations: Revocations
  readonly policy: Policy
  readonly log: Log
  readonly restored: boolean
}

/** Applies the log; the configuration in force becomes its next entry where it differs from the last. */
async function startLog(
  config: Config,
  { state, revocations, policy, log, restored }: LogStart,
): Promise<void> {
  const lost = !(await agreesWithWitness(state.log, witnessPath(config)))
  if (lost) log.error('the log is behind its witness: a new epoch begins, and the whole tenant is cut')
  await revocations.start(restored || lost)
  const { version } = policy
  if ((await state.meta.get('policy')) === version) return
  await revocations.say({ kind: 'policy', tenant: config.tenant, version, digest: config.digest }, 'configuration')
  await state.meta.set('policy', version)
}

/** Remembers until when what is injected works, for receipts. */
function withHorizon(
  exchange: Exchange,
  horizon: ReturnType<typeof createHorizon>,
): Pick<Exchange, 'acquire' | 'refused'> {
  const note = (
    need: Parameters<Exchange['acquire']>[0],
    credential: Awaited<ReturnType<Exchange['acquire']>>,
  ) => {
    if (credential.expiresAt === undefined) return credential
    const { principal, client, server, sid } = need.access.session
    horizon.note({ principal, client, server, sid, downstream: need.downstream.name }, credential.expiresAt)
    return credential
  }
  return {
    refused: exchange.refused,
    acquire: (need) => {
      const credential = exchange.acquire(need)
      return credential instanceof Promise ? credential.then((it) => note(need, it)) : note(need, credential)
    },
  }
}

/** The process's own logger, before anything else is there. */
export function openLog(
  level: Parameters<typeof createLog>[0]['level'],
  stream?: NodeJS.WritableStream,
): Log {
  return createLog({ level, ...(stream === undefined ? {} : { stream: stream as never }) })
}

/** @throws not_found outside the dev form */
export function devToken(
  instance: Instance,
  user: string,
  options: { readonly server: string; readonly ttl: number },
): string {
  const server = instance.policy.server(options.server)
  if (instance.dev === undefined || server === undefined) throw new SallyportError('not_found')
  return instance.dev.issue(user, {
    audience: server.audiences[0] ?? server.resource,
    ttl: seconds(options.ttl),
  })
}
