import type { SignIn } from '../../model/index.ts'
import type { Database } from './database.ts'
import { scopeQuery } from './scope-query.ts'
import type { SignIns } from './state.ts'

export function createSignIns(db: Database): SignIns {
  return {
    put: async (signIn) => put(db, signIn),
    get: async (tenant, id) => {
      const row = db.statement('SELECT sign_in FROM sign_ins WHERE tenant = ? AND id = ?').get(tenant, id)
      return row === undefined ? undefined : parse(row)
    },
    replace: async (gen, next) => {
      const { changes } = db
        .statement(
          `UPDATE sign_ins SET gen = ?, rev = ?, idle_until = ?, checked_at = ?, sign_in = ?
           WHERE tenant = ? AND id = ? AND gen = ?`,
        )
        .run(
          next.gen,
          next.rev,
          next.idleUntil,
          next.checkedAt,
          JSON.stringify(next),
          next.session.principal.tenant,
          next.id,
          gen,
        )
      return Number(changes) === 1
    },
    list: async (tenant, scope, now) => {
      const query =
        scope === undefined ? { where: 'tenant = ?', values: [tenant] } : scopeQuery(scope, 'sign_ins')
      return db
        .statement(
          `SELECT sign_in FROM sign_ins WHERE ${query.where} AND idle_until > ? ORDER BY checked_at, rowid`,
        )
        .all(...query.values, now)
        .map(parse)
    },
    end: async (scope, seq) => {
      const query = scopeQuery(scope, 'sign_ins')
      return Number(
        db.statement(`DELETE FROM sign_ins WHERE ${query.where} AND rev < ?`).run(...query.values, seq)
          .changes,
      )
    },
    prune: async (now) => Number(db.statement('DELETE FROM sign_ins WHERE idle_until <= ?').run(now).changes),
  }
}

function put(db: Database, signIn: SignIn): void {
  const { session, id, rev, gen, idleUntil, checkedAt } = signIn
  const { tenant, kind, issuer, subject } = session.principal
  db.statement(
    `INSERT INTO sign_ins (tenant, id, sid, kind, issuer, subject, client, server, rev, gen, idle_until, checked_at, sign_in)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    tenant,
    id,
    session.sid,
    kind,
    issuer,
    subject,
    session.client,
    session.server,
    rev,
    gen,
    idleUntil,
    checkedAt,
    JSON.stringify(signIn),
  )
}

function parse(row: Record<string, unknown>): SignIn {
  return JSON.parse(String(row['sign_in'])) as SignIn
}
