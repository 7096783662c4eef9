import { hash } from 'node:crypto'
import {
  type GrantPlace,
  type LogBody,
  type LogEntry,
  type Scope,
  SallyportError,
  type Secret,
} from '../model/index.ts'
import type { Signer, State } from '../storage/index.ts'
import { type ApplierDeps, createApplier } from './applier.ts'
import { sealForProvider } from './destroy.ts'
import { watchLease } from './lapse.ts'
import { createRevoker, type RevocationOrder, type RevokeDeps, type Revoker } from './revoke.ts'
import { createLedger, type SignedReceipt } from './receipts.ts'
import type { Horizon } from './horizon.ts'
import type { Replica } from './replica.ts'

/** Everything the room is given; what it makes of it (applier, ledger) stays inside. */
export interface RevocationsDeps
  extends Omit<
    RevokeDeps,
    'applier' | 'logStore' | 'receipts' | 'ledger' | 'connections' | 'outbox' | 'horizon'
  > {
  readonly state: State
  readonly signer: Signer
  readonly replica: Replica
  readonly horizon: Horizon
  /** Drop what was made before `seq` in the scope: sessions, cached tokens, credentials, data keys. */
  readonly bar: ApplierDeps['bar']
  readonly random: () => string
}

/** What administrators, hooks and workers order. */
export interface Revocations {
  revoke(order: RevocationOrder): Promise<SignedReceipt>
  /** Hold, release, switch: anything in the log that needs no follow-up. */
  say(body: LogBody, by: string, id?: string): Promise<LogEntry>
  receipt(id: string): Promise<SignedReceipt | undefined>
  /** Have a refresh token that nobody keeps revoked at its provider, which does not answer now. @throws secrets_*, state_unavailable */
  revokeLater(place: GrantPlace, refreshToken: Secret): Promise<void>
  holds(): readonly { readonly scope: Scope; readonly seq: number }[]
  /** What is switched off. */
  switches(): readonly { readonly scope: Scope; readonly seq: number }[]
  /**
   * Apply the log and go on with what was not finished. `restored`: the log came back from a backup and may have
   * lost cuts, so a new epoch begins with a cut of the whole tenant (revocation protocol, line 14).
   */
  start(restored: boolean): Promise<void>
  /** Ends the retries; resolves when none is under way. */
  close(): Promise<void>
}

const retryEveryMs = 1000

export function createRevocations(options: { readonly tenant: string }, deps: RevocationsDeps): Revocations {
  const { state } = deps
  const { view, live, lease } = deps.replica
  const applier = createApplier({ log: state.log, view, live, bar: deps.bar, tenant: options.tenant })
  const ledger = createLedger({ receipts: state.receipts, signer: deps.signer })
  const { log: logStore, receipts, connections, outbox } = state
  const stores = { logStore, receipts, connections, outbox }
  const revoker = createRevoker({ ...deps, ...stores, applier, ledger, horizon: deps.horizon.of })
  const retries = createRetries(state, revoker, deps)
  const stops: (() => void)[] = []

  const say = async (body: LogBody, by: string, id = deps.random()): Promise<LogEntry> => {
    if (!lease.fresh()) throw new SallyportError('lease_lapsed')
    const entry = await state.log.append({ id, at: deps.clock.now(), by, body })
    await applier.advance()
    await noteEntry(entry, deps)
    return entry
  }

  return {
    revoke: async (order) => {
      if (!lease.fresh()) throw new SallyportError('lease_lapsed')
      try {
        return await revoker.revoke(order)
      } finally {
        void retries.start()
      }
    },
    say,
    receipt: ledger.latest,
    revokeLater: async (place, token) => {
      await sealLoose(place, token, deps)
      void retries.start()
    },
    holds: view.holds,
    switches: view.switches,
    start: async (restored) => {
      if (restored) await openNewEpoch(options.tenant, deps)
      await applier.replay(new Set(await state.receipts.unfinished()))
      stops.push(watchLease(lease, live))
      // In the background: a store or provider that is away must not keep the process from serving.
      void retries.start()
    },
    close: async () => {
      for (const stop of stops) stop()
      await retries.stop()
    },
  }
}

/** Of no connection, and no receipt waits for its outcome. */
async function sealLoose(place: GrantPlace, token: Secret, deps: RevocationsDeps): Promise<void> {
  const job = hash('sha256', deps.random(), 'hex').slice(0, 32)
  const { outbox } = deps.state
  await sealForProvider(token, { job, revocation: '', connection: '', place }, { ...deps, outbox })
}

/** The entry stands in the log and has been applied: a record that cannot be written now is reported, no more. */
async function noteEntry(
  entry: LogEntry,
  { audit, log }: Pick<RevocationsDeps, 'audit' | 'log'>,
): Promise<void> {
  const { body, seq, id, by } = entry
  const kind = body.kind === 'unknown' ? 'administration' : body.kind === 'cut' ? 'revoke' : body.kind
  const scope = 'scope' in body ? { scope: JSON.stringify(body.scope), cause: body.cause } : {}
  const on = body.kind === 'switch' ? { on: body.on } : {}
  const version = body.kind === 'policy' ? { policy: body.version } : {}
  try {
    await audit.note({ kind, who: {}, rev: seq, ...version, details: { id, by, ...scope, ...on } })
  } catch (error) {
    log.error('an entry of the log could not be recorded', { seq }, error)
  }
}

interface Retries {
  /** Try what is undone, now and then every second, until nothing is. */
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * What a crash, an absent store or a silent provider left undone is tried again until it is done. Where nothing is
 * undone nothing is asked: a process in steady state does not touch its database.
 */
function createRetries(state: State, revoker: Revoker, { log }: Pick<RevocationsDeps, 'log'>): Retries {
  let timer: NodeJS.Timeout | undefined
  let current: Promise<void> | undefined
  let stopped = false

  const once = async (): Promise<boolean> => {
    for (const id of await state.receipts.unfinished()) {
      await revoker
        .resume(id)
        .catch((error: unknown) => log.warn('a revocation is not finished yet', { id }, error))
    }
    await revoker.tick().catch((error: unknown) => log.warn('the outbox waits', {}, error))
    const unfinished = await state.receipts.unfinished()
    return unfinished.length > 0 || (await state.outbox.count()) > 0
  }

  const run = async (): Promise<void> => {
    const left = await once().catch((error: unknown) => {
      log.error('what revocations left undone could not be read', {}, error)
      return true
    })
    current = undefined
    if (left && !stopped) timer = setTimeout(() => void start(), retryEveryMs).unref()
  }

  const start = (): Promise<void> => {
    if (stopped) return Promise.resolve()
    clearTimeout(timer)
    current ??= run()
    return current
  }

  return {
    start,
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await current
    },
  }
}

async function openNewEpoch(
  tenant: string,
  { state, clock, random }: Pick<RevocationsDeps, 'state' | 'clock' | 'random'>,
) {
  await state.log.openEpoch(random())
  await state.log.append({
    id: random(),
    at: clock.now(),
    by: 'sallyport',
    body: { kind: 'cut', scope: { kind: 'tenant', tenant }, hold: false, cause: 'restored from a backup' },
  })
}
