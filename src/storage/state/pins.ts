import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { ToolPin } from '../../model/index.ts'
import type { Database } from './database.ts'
import type { Pins } from './state.ts'

const listed = 'SELECT pin FROM tool_pins WHERE tenant = ? ORDER BY server, tool'

export function createPins(db: Database): Pins {
  return {
    put: async (pins) => {
      const insert = db.statement(
        'INSERT INTO tool_pins (tenant, server, tool, pin) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, server, tool) DO UPDATE SET pin = excluded.pin',
      )
      db.transaction(() => {
        for (const pin of pins) insert.run(pin.tenant, pin.server, pin.tool, JSON.stringify(pin))
      })
    },
    list: async (tenant) => db.statement(listed).all(tenant).map(parse),
  }
}

/** The pins of a data folder whose instance may be running; nothing is written. Undefined where there are none to read. */
export function readPins(path: string, tenant: string): readonly ToolPin[] | undefined {
  if (!existsSync(path)) return undefined
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const there = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'tool_pins'").get()
    return there === undefined ? undefined : db.prepare(listed).all(tenant).map(parse)
  } finally {
    db.close()
  }
}

function parse(row: Record<string, unknown>): ToolPin {
  return JSON.parse(String(row['pin'])) as ToolPin
}
