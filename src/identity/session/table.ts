import type { EpochSeconds, Session } from '../../model/index.ts'

/** What is known of a live session besides the token: groups are not in it. */
interface Entry {
  readonly session: Session
  /** `iat` of the subject token that said so. */
  readonly statedAt: EpochSeconds
  readonly until: EpochSeconds
}

/** The sessions that tokens of this process stand on, by `sid`; in memory, as the key that signed the tokens is. */
export interface SessionTable {
  /**
   * Keep a session until its last token ends, and say what holds now. Of two sign-ins that make the same session,
   * the newer word on groups and sign-in time stands: an older subject token brings no lost group back.
   */
  keep(session: Session, statedAt: EpochSeconds, until: EpochSeconds): Session
  get(sid: string): Session | undefined
}

const sweepEvery = 1_024

/** `limit` bounds memory: past it the session that was kept longest ago goes, and its tokens with it. */
export function openSessionTable(now: () => EpochSeconds, limit = 100_000): SessionTable {
  const entries = new Map<string, Entry>()
  let kept = 0
  const sweep = (): void => {
    const at = now()
    for (const [sid, entry] of entries) if (entry.until <= at) entries.delete(sid)
  }
  return {
    keep(session, statedAt, until) {
      kept += 1
      if (kept % sweepEvery === 0 || entries.size >= limit) sweep()
      const former = entries.get(session.sid)
      const newer = former === undefined || statedAt >= former.statedAt
      const facts = newer ? session : { ...former.session, rev: session.rev }
      entries.delete(session.sid)
      const [oldest] = entries.keys()
      if (entries.size >= limit && oldest !== undefined) entries.delete(oldest)
      entries.set(session.sid, {
        session: facts,
        statedAt: newer ? statedAt : former.statedAt,
        until: former === undefined || former.until < until ? until : former.until,
      })
      return facts
    },
    get: (sid) => entries.get(sid)?.session,
  }
}
