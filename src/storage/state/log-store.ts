import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { EpochSeconds, LogBody, LogEntry, LogHead } from '../../model/index.ts'
import type { Database } from './database.ts'
import type { LogStore } from './state.ts'

/** The hash of an entry: SHA-256 over the former hash and the entry without its own, as RFC 8785 JSON. */
function entryHash(previous: string, entry: Omit<LogEntry, 'hash'>): string {
  return hash('sha256', `${previous}\n${canonicalize(entry) ?? ''}`, 'hex')
}

/**
 * The ordered log in SQLite. Head and entry are written in one transaction, so commit order and `seq` order are the
 * same (revocation protocol, line 1).
 */
export function createLogStore(db: Database, epoch: () => string): LogStore {
  const head = (): LogHead => {
    const row = db.statement('SELECT seq, epoch, hash FROM log_head WHERE one = 1').get()
    if (row !== undefined) return row as unknown as LogHead
    return { seq: 0, epoch: epoch(), hash: '' }
  }
  const byId = (id: string): LogEntry | undefined => {
    const row = db.statement('SELECT entry FROM log WHERE id = ?').get(id)
    return row === undefined ? undefined : (JSON.parse(String(row['entry'])) as LogEntry)
  }
  const append = (input: { id: string; at: EpochSeconds; by: string; body: LogBody }): LogEntry =>
    db.transaction(() => {
      const existing = byId(input.id)
      if (existing !== undefined) return existing
      const before = head()
      const unhashed = { seq: before.seq + 1, epoch: before.epoch, ...input }
      const entry: LogEntry = { ...unhashed, hash: entryHash(before.hash, unhashed) }
      db.statement('INSERT INTO log (seq, id, entry) VALUES (?, ?, ?)').run(
        entry.seq,
        entry.id,
        JSON.stringify(entry),
      )
      writeHead(db, { seq: entry.seq, epoch: entry.epoch, hash: entry.hash })
      return entry
    })
  return {
    head: async () => head(),
    append: async (input) => append(input),
    after: async (seq, limit) =>
      db
        .statement('SELECT entry FROM log WHERE seq > ? ORDER BY seq LIMIT ?')
        .all(seq, limit)
        .map((row) => JSON.parse(String(row['entry'])) as LogEntry),
    byId: async (id) => byId(id),
    quorumWrite: async () => {
      db.transaction(() =>
        db
          .statement(
            "INSERT INTO meta (name, value) VALUES ('quorum', '1') ON CONFLICT (name) DO UPDATE SET value = value + 1",
          )
          .run(),
      )
    },
    durability: async () => 'disk',
    openEpoch: async (next) => {
      db.transaction(() => writeHead(db, { ...head(), epoch: next }))
    },
  }
}

function writeHead(db: Database, head: LogHead): void {
  db.statement(
    'INSERT INTO log_head (one, seq, epoch, hash) VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, epoch = excluded.epoch, hash = excluded.hash',
  ).run(head.seq, head.epoch, head.hash)
}
