import type { Barred, LogEntry, Receipt, Scope, Seq } from '../model/index.ts'
import type { LogStore } from '../storage/index.ts'
import type { LiveRegistry } from './live.ts'
import type { LogView } from './view.ts'

/** What a replica did when it applied an entry; it acknowledges with these counts. */
export interface Applied {
  readonly sessions: number
  readonly calls: number
  /** How sign-ins are told apart from older ones: by `auth_time`, or by `iat` where a token had no better. */
  readonly signIns: Receipt['signIns']
}

/** What barring a scope in this process ended. */
type Barring = Pick<Applied, 'sessions' | 'signIns'>

export interface ApplierDeps {
  readonly log: LogStore
  readonly view: LogView
  readonly live: LiveRegistry
  /** Drop what was made before `seq` in the scope: sessions, cached tokens, credentials, data keys. */
  readonly bar: (scope: Scope, seq: Seq) => Promise<Barring>
  readonly tenant: string
}

/** Applies the log in order: bars the scope first, then ends what is live (revocation protocol, line 9 iv). */
export interface Applier {
  /**
   * Apply the log as it was found at the start. Nothing is live yet and what was made before is gone from memory, so
   * only the view reads it; `unfinished` cuts alone may have left something behind that is still to be barred.
   */
  replay(unfinished: ReadonlySet<string>): Promise<void>
  /** Apply everything up to the log's head. */
  advance(): Promise<void>
  /** What applying an entry did here, if it was applied since the start. */
  appliedAt(seq: Seq): Applied | undefined
}

export function createApplier(deps: ApplierDeps): Applier {
  const done = new Map<Seq, Applied>()
  let turn: Promise<void> = Promise.resolve()

  const applyOne = async (entry: LogEntry): Promise<void> => {
    deps.view.apply(entry)
    const scope = barredScope(entry, deps.tenant)
    if (scope === undefined) return
    // The view bars from here on, synchronously; what follows ends what was already under way.
    const calls = deps.live.abort(scope, { reason: reasonOf(entry), seq: entry.seq, scope })
    done.set(entry.seq, { ...(await deps.bar(scope, entry.seq)), calls })
    if (done.size > 1000) done.delete(done.keys().next().value ?? 0)
  }

  const toTheHead = async (apply: (entry: LogEntry) => Promise<void>): Promise<void> => {
    for (;;) {
      const entries = await deps.log.after(deps.view.applied, 200)
      for (const entry of entries) await apply(entry)
      if (entries.length < 200) return
    }
  }
  const inTurn = (apply: (entry: LogEntry) => Promise<void>): Promise<void> => {
    turn = turn.catch(() => undefined).then(() => toTheHead(apply))
    return turn
  }

  return {
    replay: (unfinished) =>
      inTurn(async (entry) => {
        if (unfinished.has(entry.id)) await applyOne(entry)
        else deps.view.apply(entry)
      }),
    advance: () => inTurn(applyOne),
    appliedAt: (seq) => done.get(seq),
  }
}

/** What ends live work says why: an unknown kind is taken for a cut of everything. */
function reasonOf({ body: { kind } }: LogEntry): Barred['reason'] {
  if (kind === 'hold') return 'held'
  return kind === 'switch' ? 'switched_off' : 'cut'
}

/** The scope that an entry bars, if it bars any. */
function barredScope(entry: LogEntry, tenant: string): Scope | undefined {
  const { body } = entry
  switch (body.kind) {
    case 'cut':
    case 'hold':
      return body.scope
    case 'switch':
      return body.on ? undefined : body.scope
    case 'release':
    case 'policy':
      return undefined
    default:
      return { kind: 'tenant', tenant }
  }
}
