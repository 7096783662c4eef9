import type { Connection } from '../../model/index.ts'
import type { Database } from './database.ts'
import { scopeQuery } from './scope-query.ts'
import type { ConnectionIndex } from './state.ts'

export function createConnectionIndex(db: Database): ConnectionIndex {
  return {
    put: async (connection) => put(db, connection),
    get: async (tenant, id) => {
      const row = db
        .statement('SELECT active, connection FROM connections WHERE tenant = ? AND id = ?')
        .get(tenant, id)
      return row === undefined ? undefined : parse(row)
    },
    reached: async (scope, seq) => {
      const query = scopeQuery(scope, 'connections')
      return db
        .statement(
          `SELECT active, connection FROM connections WHERE ${query.where} AND active <> 0 AND rev < ? ORDER BY rowid`,
        )
        .all(...query.values, seq)
        .map(parse)
    },
    list: async (tenant, scope) => {
      const query =
        scope === undefined ? { where: 'tenant = ?', values: [tenant] } : scopeQuery(scope, 'connections')
      return db
        .statement(`SELECT active, connection FROM connections WHERE ${query.where} ORDER BY rowid`)
        .all(...query.values)
        .map(parse)
    },
    pending: async (tenant) =>
      db
        .statement(
          'SELECT active, connection FROM connections WHERE tenant = ? AND active = 2 ORDER BY rowid',
        )
        .all(tenant)
        .map(parse),
    activate: async (tenant, id) => {
      db.statement('UPDATE connections SET active = 1 WHERE tenant = ? AND id = ? AND active = 2').run(
        tenant,
        id,
      )
    },
    want: async (tenant, id, scopes) => want(db, { tenant, id }, scopes),
    markDestroyed: async (tenant, id, tomb) => {
      db.statement('UPDATE connections SET active = 0, tomb = ? WHERE tenant = ? AND id = ?').run(
        JSON.stringify(tomb),
        tenant,
        id,
      )
    },
  }
}

/** In one statement: whoever destroys it meanwhile is not undone. */
function want(
  db: Database,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  scopes: readonly string[],
): void {
  db.statement(
    `UPDATE connections SET connection = json_set(connection, '$.wanted', json(?))
     WHERE tenant = ? AND id = ? AND active = 1`,
  ).run(JSON.stringify(scopes), tenant, id)
}

/** By the number in the column `active`. */
const statuses = ['destroyed', 'active', 'pending'] as const

function put(db: Database, connection: Connection): void {
  const { tenant, kind, issuer, subject } = connection.place.principal
  db.statement(
    `INSERT INTO connections (tenant, id, kind, issuer, subject, client, server, sid, downstream, rev, active, tomb, connection)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)
     ON CONFLICT (tenant, id) DO UPDATE SET client = excluded.client, server = excluded.server, sid = excluded.sid,
       rev = excluded.rev, active = excluded.active, tomb = NULL, connection = excluded.connection`,
  ).run(
    tenant,
    connection.id,
    kind,
    issuer,
    subject,
    connection.client ?? null,
    connection.server,
    connection.sid ?? null,
    connection.place.downstream,
    connection.rev,
    statuses.indexOf(connection.status),
    JSON.stringify(connection),
  )
}

function parse(row: Record<string, unknown>): Connection {
  const connection = JSON.parse(String(row['connection'])) as Connection
  return { ...connection, status: statuses[Number(row['active'])] ?? 'destroyed' }
}
