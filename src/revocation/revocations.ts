import { type LogBody, type LogEntry, type Scope, SallyportError } from '../model/index.ts'
import type { Signer, State } from '../storage/index.ts'
import { type Barring, createApplier } from './applier.ts'
import { watchLease } from './lapse.ts'
import { createRevoker, type RevocationOrder, type RevokeDeps } from './revoke.ts'
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
  /** Drop sessions, cached tokens, credentials and data keys of the scope. */
  readonly bar: (scope: Scope) => Promise<Barring>
  readonly random: () => string
}

/** What administrators, hooks and workers order. */
export interface Revocations {
  revoke(order: RevocationOrder): Promise<SignedReceipt>
  /** Hold, release, switch: anything in the log that needs no follow-up. */
  say(body: LogBody, by: string, id?: string): Promise<LogEntry>
  receipt(id: string): Promise<SignedReceipt | undefined>
  holds(): readonly { readonly scope: Scope; readonly seq: number }[]
  /**
   * Apply the log and go on with what was not finished. `restored`: the log came back from a backup and may have
   * lost cuts, so a new epoch begins with a cut of the whole tenant (revocation protocol, line 14).
   */
  start(restored: boolean): Promise<void>
  close(): void
}

const outboxEveryMs = 1000

export function createRevocations(options: { readonly tenant: string }, deps: RevocationsDeps): Revocations {
  const { state } = deps
  const { view, live, lease } = deps.replica
  const applier = createApplier({ log: state.log, view, live, bar: deps.bar, tenant: options.tenant })
  const ledger = createLedger({ receipts: state.receipts, signer: deps.signer })
  const revoker = createRevoker({
    ...deps,
    applier,
    ledger,
    logStore: state.log,
    receipts: state.receipts,
    connections: state.connections,
    outbox: state.outbox,
    horizon: deps.horizon.of,
  })
  const stops: (() => void)[] = []

  const say = async (body: LogBody, by: string, id = deps.random()): Promise<LogEntry> => {
    if (!lease.fresh()) throw new SallyportError('lease_lapsed')
    const entry = await state.log.append({ id, at: deps.clock.now(), by, body })
    await applier.advance()
    return entry
  }

  return {
    revoke: async (order) => {
      if (!lease.fresh()) throw new SallyportError('lease_lapsed')
      return revoker.revoke(order)
    },
    say,
    receipt: ledger.latest,
    holds: view.holds,
    start: async (restored) => {
      if (restored) await openNewEpoch(options.tenant, deps)
      await applier.advance()
      stops.push(watchLease(lease, live))
      const resume = () => resumeUnfinished(state, revoker.resume, revoker.tick, deps)
      await resume()
      const timer = setInterval(() => void resume(), outboxEveryMs)
      timer.unref()
      stops.push(() => clearInterval(timer))
    },
    close: () => {
      for (const stop of stops) stop()
    },
  }
}

/** What a crash or an absent store left undone is tried again, until it is done. */
async function resumeUnfinished(
  state: State,
  resume: (id: string) => Promise<void>,
  tick: () => Promise<void>,
  deps: Pick<RevocationsDeps, 'log'>,
): Promise<void> {
  for (const id of await state.receipts.unfinished()) {
    await resume(id).catch((error: unknown) =>
      deps.log.warn('a revocation is not finished yet', { id }, error),
    )
  }
  await tick().catch((error: unknown) => deps.log.warn('the outbox waits', {}, error))
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
