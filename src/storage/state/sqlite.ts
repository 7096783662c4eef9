import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { type Database, openDatabase } from './database.ts'
import { createConnectionIndex } from './connections.ts'
import { createConsents } from './consents.ts'
import { createLogStore } from './log-store.ts'
import { createPins } from './pins.ts'
import { createSessions } from './sessions.ts'
import { createSignIns } from './sign-ins.ts'
import type { Anchors, Meta, Outbox, OutboxJob, Receipts, State } from './state.ts'
import { createTickets } from './tickets.ts'

/** The state of the single form: one SQLite file. `newEpoch` names the log's first epoch. */
export function openSqliteState(path: string, deps: { readonly newEpoch: () => string }): State {
  const db = openDatabase(path)
  const row = db.statement("SELECT value FROM meta WHERE name = 'epoch'").get()
  const epoch = row === undefined ? deps.newEpoch() : String(row['value'])
  if (row === undefined) db.statement("INSERT INTO meta (name, value) VALUES ('epoch', ?)").run(epoch)
  return {
    log: createLogStore(db, () => epoch),
    sessions: createSessions(db),
    connections: createConnectionIndex(db),
    receipts: createReceipts(db),
    outbox: createOutbox(db),
    anchors: createAnchors(db),
    pins: createPins(db),
    tickets: createTickets(db),
    signIns: createSignIns(db),
    consents: createConsents(db),
    meta: createMeta(db),
    close: async () => db.close(),
  }
}

function createReceipts(db: Database): Receipts {
  return {
    save: async (id, revision, jws) => {
      db.statement('INSERT OR IGNORE INTO receipts (id, revision, jws) VALUES (?, ?, ?)').run(
        id,
        revision,
        jws,
      )
    },
    latest: async (id) => {
      const row = db
        .statement('SELECT revision, jws FROM receipts WHERE id = ? ORDER BY revision DESC LIMIT 1')
        .get(id)
      return row === undefined ? undefined : { revision: Number(row['revision']), jws: String(row['jws']) }
    },
    unfinished: async () =>
      db
        .statement(
          "SELECT id FROM log WHERE entry ->> '$.body.kind' = 'cut' AND id NOT IN (SELECT id FROM finished) ORDER BY seq",
        )
        .all()
        .map((row) => String(row['id'])),
    finish: async (id) => {
      db.statement('INSERT OR IGNORE INTO finished (id) VALUES (?)').run(id)
    },
  }
}

function createOutbox(db: Database): Outbox {
  return {
    put: async (job) => {
      db.statement(
        'INSERT INTO outbox (job, next_at, entry) VALUES (?, ?, ?) ON CONFLICT (job) DO UPDATE SET next_at = excluded.next_at, entry = excluded.entry',
      ).run(job.job, job.nextAt, JSON.stringify(job))
    },
    due: async (now) =>
      db
        .statement('SELECT entry FROM outbox WHERE next_at <= ? ORDER BY next_at')
        .all(now)
        .map((row) => JSON.parse(String(row['entry'])) as OutboxJob),
    count: async () => Number(db.statement('SELECT count(*) AS jobs FROM outbox').get()?.['jobs'] ?? 0),
    done: async (job) => {
      db.statement('DELETE FROM outbox WHERE job = ?').run(job)
    },
  }
}

function createAnchors(db: Database): Anchors {
  return {
    put: async (anchor) => {
      db.statement(
        'INSERT INTO anchors (chain, anchor) VALUES (?, ?) ON CONFLICT (chain) DO UPDATE SET anchor = excluded.anchor',
      ).run(anchor.chain, JSON.stringify(anchor))
    },
    list: async () =>
      db
        .statement('SELECT anchor FROM anchors ORDER BY rowid')
        .all()
        .map((row) => JSON.parse(String(row['anchor'])) as Parameters<Anchors['put']>[0]),
  }
}

/** The anchors of a data folder whose instance may be running; nothing is written. */
export function readAnchors(path: string): Awaited<ReturnType<Anchors['list']>> {
  if (!existsSync(path)) return []
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db
      .prepare('SELECT anchor FROM anchors ORDER BY rowid')
      .all()
      .map((row) => JSON.parse(String(row['anchor'])) as Parameters<Anchors['put']>[0])
  } finally {
    db.close()
  }
}

function createMeta(db: Database): Meta {
  return {
    get: async (name) => {
      const row = db.statement('SELECT value FROM meta WHERE name = ?').get(name)
      return row === undefined ? undefined : String(row['value'])
    },
    set: async (name, value) => {
      db.statement(
        'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      ).run(name, value)
    },
  }
}
