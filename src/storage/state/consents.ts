import type { Consent } from '../../model/index.ts'
import type { Database } from './database.ts'
import { scopeQuery } from './scope-query.ts'
import type { Consents } from './state.ts'

export function createConsents(db: Database): Consents {
  return {
    put: async (consent) => put(db, consent),
    get: async (tenant, id) => {
      const row = db.statement('SELECT consent FROM consents WHERE tenant = ? AND id = ?').get(tenant, id)
      return row === undefined ? undefined : parse(row)
    },
    list: async (tenant, scope) => {
      const query =
        scope === undefined ? { where: 'tenant = ?', values: [tenant] } : scopeQuery(scope, 'consents')
      return db
        .statement(`SELECT consent FROM consents WHERE ${query.where} ORDER BY rowid`)
        .all(...query.values)
        .map(parse)
    },
    end: async (scope, seq) => {
      const query = scopeQuery(scope, 'consents')
      return Number(
        db.statement(`DELETE FROM consents WHERE ${query.where} AND rev < ?`).run(...query.values, seq)
          .changes,
      )
    },
  }
}

function put(db: Database, consent: Consent): void {
  const { tenant, kind, issuer, subject } = consent.principal
  db.statement(
    `INSERT INTO consents (tenant, id, kind, issuer, subject, client, server, downstream, connection, rev, consent)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (tenant, id) DO UPDATE SET client = excluded.client, connection = excluded.connection, rev = excluded.rev,
       consent = excluded.consent`,
  ).run(
    tenant,
    consent.id,
    kind,
    issuer,
    subject,
    consent.client,
    consent.server,
    consent.downstream ?? null,
    consent.connection ?? null,
    consent.rev,
    JSON.stringify(consent),
  )
}

function parse(row: Record<string, unknown>): Consent {
  return JSON.parse(String(row['consent'])) as Consent
}
