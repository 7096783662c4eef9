import type { Connection, Tombstone } from '../model/index.ts'
import type { Turns } from '../storage/index.ts'
import type { ExchangeDeps } from './deps.ts'
import { isCode } from './is-code.ts'

export type PendingDeps = Pick<ExchangeDeps, 'secrets' | 'connections' | 'audit' | 'log'> &
  Pick<ExchangeDeps, 'clock'> & { readonly turns: Turns }

/**
 * Settle what was being connected when a process died or its store went away. A grant that is there was all that was
 * missing: its connection is recorded and active. Where there is none a tombstone takes its place, which a write that
 * is still under way somewhere loses against, and the row is destroyed. What cannot be settled now stays pending.
 */
export async function settlePending(tenant: string, deps: PendingDeps): Promise<void> {
  const rows = await deps.connections.pending(tenant)
  if (rows.length === 0 || (await deps.secrets.health()) !== 'up') return
  for (const { id } of rows) await orLater(id, () => settle(tenant, id, deps), deps)
}

/**
 * After a failure half-way. What could not be recorded is undone; where the store failed it may have been written all
 * the same, so that is looked up. Never rejects.
 */
export function undoPending(row: Connection, error: unknown, deps: PendingDeps): Promise<void> {
  const { id, place } = row
  const undo = isCode(error, 'record_unavailable')
    ? () => dropPending(row, deps)
    : () => settle(place.tenant, id, deps)
  return orLater(id, undo, deps)
}

async function orLater(id: string, work: () => Promise<void>, deps: PendingDeps): Promise<void> {
  try {
    await deps.turns(id, work)
  } catch (error) {
    deps.log.warn('a connection is still pending', { connection: id }, error)
  }
}

async function settle(tenant: string, id: string, deps: PendingDeps): Promise<void> {
  const { secrets, connections } = deps
  const row = await connections.get(tenant, id)
  if (row?.status !== 'pending') return
  const stored = await secrets.read(row.place)
  if (stored?.grant === undefined) {
    await dropPending(row, deps)
    return
  }
  if (row.kind !== 'exchange') await noteConnected(row, stored.grant.at, deps)
  await connections.activate(tenant, id)
}

/** Nothing of the connection stays. @throws secrets_* or state_unavailable, and then it is pending still */
async function dropPending(
  row: Connection,
  deps: Pick<PendingDeps, 'secrets' | 'connections' | 'clock'>,
): Promise<void> {
  // Not newer than the row: whoever connects afterwards has not been cut by this.
  const tomb: Tombstone['tomb'] = { at: deps.clock.now(), rev: row.rev, cause: 'never finished' }
  await deps.secrets.destroy(row.place, tomb)
  await deps.connections.markDestroyed(row.place.tenant, row.id, tomb)
}

/** @throws record_unavailable */
export async function noteConnected(
  row: Connection,
  value: Parameters<PendingDeps['audit']['fingerprint']>[0] | undefined,
  { audit }: Pick<PendingDeps, 'audit'>,
): Promise<void> {
  await audit.note({
    kind: 'connect',
    who: { principal: row.place.principal, ...(row.server === '' ? {} : { server: row.server }) },
    downstream: row.place.downstream,
    rev: row.rev,
    ...(value === undefined ? {} : { credential: audit.fingerprint(value) }),
    result: 'done',
    details: { connection: row.id },
  })
}
