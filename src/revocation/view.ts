import type { Barred, EpochSeconds, LogEntry, Scope, Seconds, Seq, Work } from '../model/index.ts'
import { scopeKey, workKeys } from '../model/index.ts'

/** What the log says of one scope, as far as it has been applied. */
interface Standing {
  scope: Scope
  cutSeq: Seq
  cutAt: number
  heldBy: Seq
  /** The entry that switched it off; 0 while it is on. */
  offBy: Seq
}

/**
 * The log as the last synchronous step needs it: in memory, fed in order, asked without waiting
 * (revocation protocol, lines 5, 6 and 15).
 */
export interface LogView {
  readonly applied: Seq
  readonly epoch: string
  /** Apply the next entry. Entries must come in order, without a gap. */
  apply(entry: LogEntry): void
  /** Does a cut newer than `rev`, a hold or a switch cover this work? */
  covers(work: Work, rev: Seq): Barred | undefined
  /** May a sign-in of this time begin something new? Wall time is compared here only, with the skew against the sign-in. */
  coversSignIn(work: Work, signedIn: EpochSeconds): Barred | undefined
  holds(): readonly { readonly scope: Scope; readonly seq: Seq }[]
  /** What is switched off, and by which entry. */
  switches(): readonly { readonly scope: Scope; readonly seq: Seq }[]
}

export function createLogView(options: { readonly skew: Seconds; readonly tenant: string }): LogView {
  const standings = new Map<string, Standing>()
  let applied: Seq = 0
  let epoch = ''

  const standing = (scope: Scope): Standing => {
    const key = scopeKey(scope)
    const known = standings.get(key)
    if (known !== undefined) return known
    const fresh: Standing = { scope, cutSeq: 0, cutAt: 0, heldBy: 0, offBy: 0 }
    standings.set(key, fresh)
    return fresh
  }

  const cut = (scope: Scope, entry: LogEntry, hold: boolean): void => {
    const it = standing(scope)
    it.cutSeq = entry.seq
    it.cutAt = Math.max(it.cutAt, entry.at)
    if (hold) it.heldBy = entry.seq
  }

  return {
    get applied() {
      return applied
    },
    get epoch() {
      return epoch
    },
    apply: (entry) => {
      if (entry.seq !== applied + 1) throw new Error('log entries must be applied in order')
      applyBody(entry, { standing, cut, tenant: options.tenant })
      applied = entry.seq
      epoch = entry.epoch
    },
    covers: (work, rev) =>
      firstBar(standings, work, (it) =>
        it.cutSeq > rev ? 'cut' : it.heldBy > 0 ? 'held' : it.offBy > 0 ? 'switched_off' : undefined,
      ),
    coversSignIn: (work, signedIn) =>
      firstBar(standings, work, (it) => {
        if (it.heldBy > 0) return 'held'
        if (it.offBy > 0) return 'switched_off'
        return it.cutSeq > 0 && signedIn <= it.cutAt + options.skew ? 'cut' : undefined
      }),
    holds: () =>
      [...standings.values()]
        .filter((it) => it.heldBy > 0)
        .map((it) => ({ scope: it.scope, seq: it.heldBy })),
    switches: () =>
      [...standings.values()].filter((it) => it.offBy > 0).map((it) => ({ scope: it.scope, seq: it.offBy })),
  }
}

/** What bars this work first, among the scopes that reach it. */
function firstBar(
  standings: ReadonlyMap<string, Standing>,
  work: Work,
  judge: (it: Standing) => Barred['reason'] | undefined,
): Barred | undefined {
  if (standings.size === 0) return undefined
  for (const key of workKeys(work)) {
    const it = standings.get(key)
    const reason = it === undefined ? undefined : judge(it)
    if (it !== undefined && reason !== undefined) {
      return { reason, scope: it.scope, seq: Math.max(it.cutSeq, it.heldBy, it.offBy) }
    }
  }
  return undefined
}

interface Apply {
  standing(scope: Scope): Standing
  cut(scope: Scope, entry: LogEntry, hold: boolean): void
  readonly tenant: string
}

/** A release lifts the hold of the same scope and never revives what was cut. An unknown kind cuts the whole tenant. */
function applyBody(entry: LogEntry, { standing, cut, tenant }: Apply): void {
  const { body } = entry
  switch (body.kind) {
    case 'cut':
      cut(body.scope, entry, body.hold)
      return
    case 'hold':
      standing(body.scope).heldBy = entry.seq
      return
    case 'release':
      standing(body.scope).heldBy = 0
      return
    case 'switch':
      standing(body.scope).offBy = body.on ? 0 : entry.seq
      return
    case 'policy':
      return
    default:
      cut({ kind: 'tenant', tenant }, entry, false)
  }
}
