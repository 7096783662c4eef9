import type { Session } from '../../model/index.ts'
import type { Database } from './database.ts'
import { scopeQuery } from './scope-query.ts'
import type { Sessions } from './state.ts'

export function createSessions(db: Database): Sessions {
  return {
    put: async (session, expiresAt) => {
      const { tenant, kind, issuer, subject } = session.principal
      db.statement(
        `INSERT INTO sessions (tenant, sid, kind, issuer, subject, client, server, expires_at, session) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (tenant, sid) DO UPDATE SET client = excluded.client, expires_at = max(expires_at, excluded.expires_at),
           session = excluded.session`,
      ).run(
        tenant,
        session.sid,
        kind,
        issuer,
        subject,
        session.client,
        session.server,
        expiresAt,
        JSON.stringify(session),
      )
    },
    get: async (tenant, sid) => {
      const row = db.statement('SELECT session FROM sessions WHERE tenant = ? AND sid = ?').get(tenant, sid)
      return row === undefined ? undefined : parse(row)
    },
    list: async (tenant, scope, now) => {
      const query =
        scope === undefined ? { where: 'tenant = ?', values: [tenant] } : scopeQuery(scope, 'sessions')
      return db
        .statement(`SELECT session FROM sessions WHERE ${query.where} AND expires_at > ? ORDER BY rowid`)
        .all(...query.values, now)
        .map(parse)
    },
    end: async (scope, seq) => {
      const query = scopeQuery(scope, 'sessions')
      const sql = `DELETE FROM sessions WHERE ${query.where} AND session ->> '$.rev' < ?`
      return Number(db.statement(sql).run(...query.values, seq).changes)
    },
    prune: async (now) => Number(db.statement('DELETE FROM sessions WHERE expires_at <= ?').run(now).changes),
  }
}

function parse(row: Record<string, unknown>): Session {
  return JSON.parse(String(row['session'])) as Session
}
