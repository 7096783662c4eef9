import {
  asSallyportError,
  type EpochSeconds,
  epoch,
  type LogBody,
  type LogEntry,
  type ProviderOutcome,
  type Receipt,
  type ReceiptConnection,
  type RevocationStatus,
  SallyportError,
  type Scope,
} from '../model/index.ts'
import type { LogStore, OutboxJob, Receipts, Signer } from '../storage/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import type { Applier } from './applier.ts'
import { type DestroyDeps, destroyConnection, destroyKeys } from './destroy.ts'
import type { LogView } from './view.ts'
import { issueReceipt, readReceipt, type SignedReceipt } from './receipts.ts'
import { type OutboxDeps, workOutbox } from './outbox.ts'

/** An order to cut. `id` is the caller's idempotency id: the same id again continues or repeats the answer. */
export interface RevocationOrder {
  readonly id: string
  readonly scope: Scope
  readonly hold: boolean
  readonly cause: string
  readonly by: string
  readonly wait: 'fence' | 'providers'
  readonly waitSeconds: number
}

export interface RevokeDeps extends DestroyDeps {
  readonly applier: Applier
  readonly view: LogView
  readonly logStore: LogStore
  readonly receipts: Receipts
  readonly signer: Signer
  readonly metrics: Metrics
  readonly provider: OutboxDeps['revokeAtProvider']
  /** Whether sign-ins carry `auth_time`; else the receipt says that `iat` was compared. */
  readonly signIns: 'auth_time' | 'iat-only'
  /** The latest expiry of any credential that was injected in the scope. */
  readonly horizon: (scope: Scope) => EpochSeconds | undefined
}

/** What the follow-up of one cut has come to. */
interface Progress {
  readonly items: Map<string, ReceiptConnection>
  fencedMs: number
  listed: boolean
}

/**
 * One revocation from the durable entry to the answer (revocation protocol, lines 9 to 12), with the members {self}:
 * select → append (durable) → apply here (bar, abort) → fenced → destroy → provider → receipt.
 */
export interface Revoker {
  revoke(order: RevocationOrder): Promise<SignedReceipt>
  /** Go on with the follow-up of a cut that is in the log, after a start. */
  resume(id: string): Promise<void>
  /** Let the outbox call providers that are due. */
  tick(): Promise<void>
}

export function createRevoker(deps: RevokeDeps): Revoker {
  const running = new Map<string, { readonly progress: Progress; readonly work: Promise<void> }>()

  const begin = (entry: LogEntry, startedAt: number) => {
    const known = running.get(entry.id)
    if (known !== undefined) return known
    const progress: Progress = {
      items: new Map(),
      fencedMs: deps.clock.monotonic() - startedAt,
      listed: false,
    }
    const work = followUp(entry, progress, deps).finally(() => running.delete(entry.id))
    const it = { progress, work }
    running.set(entry.id, it)
    return it
  }

  const tick = () =>
    workOutbox({
      ...deps,
      revokeAtProvider: deps.provider,
      settled: (job, outcome) => settleProvider(job, outcome, deps),
    })

  return {
    tick,
    resume: async (id) => {
      const entry = await deps.logStore.byId(id)
      if (entry !== undefined) await begin(entry, deps.clock.monotonic()).work
    },
    revoke: async (order) => {
      const startedAt = deps.clock.monotonic()
      const existing = await deps.logStore.byId(order.id)
      const entry = existing ?? (await appendCut(order, deps))
      await deps.applier.advance()
      if (existing !== undefined) {
        await deps.logStore.quorumWrite()
        const finished = await finishedReceipt(order.id, deps)
        if (finished !== undefined) return finished
      } else {
        await noteRevocation(order, entry, deps)
      }
      const { progress, work } = begin(entry, startedAt)
      const providers = order.wait === 'providers' ? work.then(tick) : work
      const status = await within(providers, order.waitSeconds)
      if (order.wait === 'fence') work.then(tick).catch(() => undefined)
      return answer(entry, progress, status, deps)
    },
  }
}

/** The durable step. An outcome that is unknown is looked up by id before anything is answered (line 9 i). */
async function appendCut(order: RevocationOrder, deps: RevokeDeps): Promise<LogEntry> {
  const body: LogBody = { kind: 'cut', scope: order.scope, hold: order.hold, cause: order.cause }
  try {
    return await deps.logStore.append({ id: order.id, at: deps.clock.now(), by: order.by, body })
  } catch (error) {
    const entry = await deps.logStore.byId(order.id).catch(() => undefined)
    if (entry === undefined) throw new SallyportError('state_unavailable', {}, error)
    await deps.logStore.quorumWrite()
    return entry
  }
}

async function followUp(entry: LogEntry, progress: Progress, deps: RevokeDeps): Promise<void> {
  if (entry.body.kind !== 'cut') return
  const { scope, cause } = entry.body
  const connections = await deps.connections.reached(scope, entry.seq)
  for (const { id, place } of connections) {
    progress.items.set(id, { id, downstream: place.downstream, store: 'pending', provider: 'pending' })
  }
  progress.listed = true
  let failed: unknown
  for (const connection of connections) {
    try {
      progress.items.set(connection.id, await destroyConnection(connection, { entry, cause }, deps))
    } catch (error) {
      failed = error
      deps.log.warn('a connection could not be destroyed yet', { connection: connection.id }, error)
    }
  }
  if (failed !== undefined) throw asSallyportError(failed)
  await destroyKeys(scope, connections, { entry, cause }, deps)
  await deps.receipts.finish(entry.id)
}

/** `complete` once what was awaited is done, `fenced` when the time was over or a store failed first (line 11). */
async function within(work: Promise<void>, waitSeconds: number): Promise<RevocationStatus> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<RevocationStatus>((resolve) => {
    timer = setTimeout(() => resolve('fenced'), waitSeconds * 1000)
  })
  const done = work.then<RevocationStatus, RevocationStatus>(
    () => 'complete',
    () => 'fenced',
  )
  try {
    return await Promise.race([done, late])
  } finally {
    clearTimeout(timer)
  }
}

async function answer(
  entry: LogEntry,
  progress: Progress,
  status: RevocationStatus,
  deps: RevokeDeps,
): Promise<SignedReceipt> {
  if (entry.body.kind !== 'cut') throw new SallyportError('request_malformed', { field: 'id' })
  const { scope, hold } = entry.body
  const latest = await deps.receipts.latest(entry.id)
  const items = mergeSettled([...progress.items.values()], latest?.jws)
  const counts = deps.applier.appliedAt(entry.seq) ?? { sessions: 0, calls: 0 }
  const horizon = deps.horizon(scope)
  const receipt: Omit<Receipt, 'revision' | 'previous'> = {
    id: entry.id,
    seq: entry.seq,
    epoch: entry.epoch,
    at: deps.clock.now(),
    scope,
    hold,
    status,
    durability: await deps.logStore.durability(),
    leaseSeconds: 0,
    waitSeconds: 0,
    signIns: deps.signIns,
    replicas: [{ id: 'self', state: 'applied', ms: Math.round(progress.fencedMs), ...counts }],
    connections: items,
    ...(horizon === undefined ? {} : { accessTokenHorizon: horizon }),
  }
  deps.metrics.revocations.inc({ scope: scope.kind, status })
  return issueReceipt(receipt, deps)
}

/** A provider may have answered before this revision is written: its outcome is kept. */
function mergeSettled(items: readonly ReceiptConnection[], jws: string | undefined): ReceiptConnection[] {
  const known = jws === undefined ? [] : readReceipt(jws).connections
  const merged = items.map(
    (item) => known.find((it) => it.id === item.id && it.provider !== 'pending') ?? item,
  )
  return [...merged, ...known.filter((it) => !items.some((item) => item.id === it.id))]
}

async function finishedReceipt(id: string, deps: RevokeDeps): Promise<SignedReceipt | undefined> {
  if ((await deps.receipts.unfinished()).includes(id)) return undefined
  const latest = await deps.receipts.latest(id)
  return latest === undefined ? undefined : { receipt: readReceipt(latest.jws), jws: latest.jws }
}

/** A final answer of a provider: the receipt gets a further revision that says so. */
async function settleProvider(job: OutboxJob, outcome: ProviderOutcome, deps: RevokeDeps): Promise<void> {
  const latest = await deps.receipts.latest(job.revocation)
  if (latest === undefined) return
  const receipt = readReceipt(latest.jws)
  const { revision: _revision, previous: _previous, ...content } = receipt
  const connections = receipt.connections.map((it): ReceiptConnection => {
    if (it.id !== job.connection) return it
    const { sealedUntil: _sealedUntil, ...rest } = it
    return { ...rest, store: 'destroyed', provider: outcome }
  })
  await issueReceipt({ ...content, at: epoch(deps.clock.now()), connections }, deps)
}

async function noteRevocation(order: RevocationOrder, entry: LogEntry, deps: RevokeDeps): Promise<void> {
  try {
    await deps.audit.note({
      kind: 'revoke',
      who: {},
      rev: entry.seq,
      details: {
        id: order.id,
        by: order.by,
        cause: order.cause,
        scope: JSON.stringify(order.scope),
        hold: order.hold,
      },
    })
  } catch (error) {
    // The cut stands in the log already; a record that fails must not keep it from being carried out.
    deps.log.error('a revocation could not be recorded', { id: order.id }, error)
  }
}
