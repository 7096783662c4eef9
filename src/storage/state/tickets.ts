import { epoch } from '../../model/index.ts'
import type { Database } from './database.ts'
import type { Tickets } from './state.ts'

export function createTickets(db: Database): Tickets {
  return {
    put: async ({ kind, id, expiresAt, value }, now) => {
      const { changes } = db
        .statement(
          `INSERT INTO tickets (kind, id, expires_at, value) VALUES (?, ?, ?, ?)
           ON CONFLICT (kind, id) DO UPDATE SET expires_at = excluded.expires_at, value = excluded.value WHERE tickets.expires_at <= ?`,
        )
        .run(kind, id, expiresAt, value, now)
      return Number(changes) === 1
    },
    take: async (kind, id, now) => {
      const row = db
        .statement('DELETE FROM tickets WHERE kind = ? AND id = ? RETURNING expires_at, value')
        .get(kind, id)
      const expiresAt = epoch(Number(row?.['expires_at'] ?? 0))
      return row === undefined || expiresAt <= now
        ? undefined
        : { kind, id, expiresAt, value: String(row['value']) }
    },
    prune: async (now) => Number(db.statement('DELETE FROM tickets WHERE expires_at <= ?').run(now).changes),
  }
}
