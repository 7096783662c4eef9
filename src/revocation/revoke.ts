import {
  type EpochSeconds,
  type LogBody,
  type LogEntry,
  type RevocationStatus,
  SallyportError,
  type Scope,
} from '../model/index.ts'
import type { LogStore } from '../storage/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import type { Applied, Applier } from './applier.ts'
import { type FollowUpDeps, followUp, settleProvider } from './follow-up.ts'
import { type OutboxDeps, workOutbox } from './outbox.ts'
import type { ReceiptContent, SignedReceipt } from './receipts.ts'

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

export interface RevokeDeps extends FollowUpDeps {
  readonly applier: Applier
  readonly logStore: LogStore
  readonly metrics: Metrics
  readonly provider: OutboxDeps['revokeAtProvider']
  /** The latest expiry of any credential that was injected in the scope. */
  readonly horizon: (scope: Scope) => EpochSeconds | undefined
}

/**
 * One revocation from the durable entry to the answer (revocation protocol, lines 9 to 12), with the members {self}:
 * append (durable) → apply here (bar, abort) → fenced → destroy → provider → receipt.
 */
export interface Revoker {
  revoke(order: RevocationOrder): Promise<SignedReceipt>
  /** Go on with the follow-up of a cut that is in the log, after a start. */
  resume(id: string): Promise<void>
  /** Let the outbox call providers that are due. */
  tick(): Promise<void>
}

export function createRevoker(deps: RevokeDeps): Revoker {
  // Two orders of one id, or an order and a resumption, are one follow-up.
  const running = new Map<string, Promise<void>>()
  const begin = async (entry: LogEntry, fencedMs: number): Promise<void> => {
    const known = running.get(entry.id)
    if (known !== undefined) return known
    const durability = await deps.logStore.durability()
    const initial = () => contentOf(entry, { fencedMs, durability, status: 'waiting' }, deps)
    const work = followUp(entry, initial, deps).finally(() => running.delete(entry.id))
    running.set(entry.id, work)
    return work
  }

  // One run at a time: two would call a provider twice for one job.
  let ticking: Promise<void> | undefined
  const tick = (): Promise<void> => {
    const settled: OutboxDeps['settled'] = (job, answer) => settleProvider(job, answer, deps)
    ticking ??= workOutbox({ ...deps, revokeAtProvider: deps.provider, settled }).finally(() => {
      ticking = undefined
    })
    return ticking
  }

  const revoke = async (order: RevocationOrder): Promise<SignedReceipt> => {
    const startedAt = deps.clock.monotonic()
    const existing = await deps.logStore.byId(order.id)
    const entry = existing ?? (await appendCut(order, deps))
    await deps.applier.advance()
    const fencedMs = Math.round(deps.clock.monotonic() - startedAt)
    if (existing === undefined) await noteRevocation(order, entry, deps)
    else await deps.logStore.quorumWrite()
    const until = startedAt + order.waitSeconds * 1000
    const work = begin(entry, fencedMs)
    const afterwards = work.then(tick)
    afterwards.catch(() => undefined)
    const destroyed = await within(work, until - deps.clock.monotonic())
    const status =
      order.wait === 'fence' || destroyed !== 'complete'
        ? destroyed
        : await providersFinal(entry.id, until, tick, deps)
    return answer(entry, { fencedMs, status, durability: await deps.logStore.durability() }, deps)
  }

  return {
    tick,
    revoke,
    resume: async (id) => {
      const entry = await deps.logStore.byId(id)
      if (entry !== undefined) await begin(entry, 0)
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

/** `complete` once the destruction is done, `fenced` when the time was over or a store failed first (line 11). */
async function within(work: Promise<void>, waitMs: number): Promise<RevocationStatus> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<RevocationStatus>((resolve) => {
    timer = setTimeout(() => resolve('fenced'), Math.max(0, waitMs))
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

const providerPollMs = 100

/** With `wait: providers` the answer is `complete` only once no provider is pending, and `waiting` before. */
async function providersFinal(
  id: string,
  until: number,
  tick: () => Promise<void>,
  deps: RevokeDeps,
): Promise<RevocationStatus> {
  for (;;) {
    await tick().catch(() => undefined)
    const latest = await deps.ledger.latest(id)
    if (latest?.receipt.connections.some(({ provider }) => provider === 'pending') !== true) return 'complete'
    if (deps.clock.monotonic() >= until) return 'waiting'
    await new Promise((resolve) => setTimeout(resolve, providerPollMs))
  }
}

interface Outcome {
  readonly fencedMs: number
  readonly status: RevocationStatus
  readonly durability: ReceiptContent['durability']
}

/** For a cut that was applied before this start: what it ended then is not known any more. */
const unknownCounts: Applied = { sessions: 0, calls: 0, signIns: 'iat-only' }

function contentOf(entry: LogEntry, outcome: Outcome, deps: RevokeDeps): ReceiptContent {
  if (entry.body.kind !== 'cut') {
    throw new SallyportError('request_malformed', {
      field: 'id',
      remedy: 'this id is of another entry of the log',
    })
  }
  const { scope, hold } = entry.body
  const { signIns, ...counts } = deps.applier.appliedAt(entry.seq) ?? unknownCounts
  const horizon = deps.horizon(scope)
  return {
    id: entry.id,
    seq: entry.seq,
    epoch: entry.epoch,
    at: deps.clock.now(),
    scope,
    hold,
    status: outcome.status,
    durability: outcome.durability,
    leaseSeconds: 0,
    waitSeconds: 0,
    signIns,
    replicas: [{ id: 'self', state: 'applied', ms: outcome.fencedMs, ...counts }],
    connections: [],
    ...(horizon === undefined ? {} : { accessTokenHorizon: horizon }),
  }
}

/** An order that is repeated changes the status only: what the first one counted and timed stays said. */
async function answer(entry: LogEntry, outcome: Outcome, deps: RevokeDeps): Promise<SignedReceipt> {
  const content = contentOf(entry, outcome, deps)
  deps.metrics.revocations.inc({ scope: content.scope.kind, status: outcome.status })
  const signed = await deps.ledger.revise(entry.id, (latest) =>
    latest === undefined ? content : { ...latest, at: content.at, status: outcome.status },
  )
  if (signed === undefined) throw new SallyportError('state_unavailable')
  return signed
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
