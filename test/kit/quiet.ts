import type { Audit } from '../../src/audit/index.ts'
import type { RecordEvent } from '../../src/model/index.ts'
import type { Log } from '../../src/telemetry/index.ts'

/** A logger that says nothing. */
export const quietLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A record that keeps what it was told; for rooms that only `note`. */
export function notedAudit(): Audit & { readonly events: RecordEvent[] } {
  const events: RecordEvent[] = []
  return {
    events,
    begin: () => {
      throw new Error('this fake only notes')
    },
    intend: () => {
      throw new Error('this fake only notes')
    },
    finish: () => {},
    note: async (event) => {
      events.push(event)
    },
    fingerprint: () => '0000000000000000',
    close: async () => {},
  }
}
