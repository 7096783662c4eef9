import { type Connection, type Grant, SallyportError, type Secret, type Work } from '../model/index.ts'
import type { ExchangeDeps } from './deps.ts'
import { noteConnected, type PendingDeps, undoPending } from './pending.ts'

export type KeepConnectionDeps = PendingDeps & Pick<ExchangeDeps, 'gate'>

/** A connection that belongs to a person, and what is to lie there. */
export interface KeptConnection {
  readonly row: Connection
  readonly owner: Work
  /** What is put in, for the record. */
  readonly secret: Secret
  readonly grantOf: (gen: number) => Grant
}

/** Destroy what was just kept: the scope was cut while it was being written. */
async function undo({ place, id }: Connection, deps: KeepConnectionDeps): Promise<never> {
  const tomb = { at: deps.clock.now(), rev: deps.gate.applied, cause: 'cut while it was connected' }
  await deps.secrets.destroy(place, tomb)
  await deps.connections.markDestroyed(place.tenant, id, tomb)
  throw new SallyportError('cut')
}

/**
 * Keep a grant at its place, over what lies there. The index row comes first, so that a revocation finds it, and is
 * pending until the grant and its record are there; a grant that was cut and is not destroyed yet is not written over.
 * @throws cut, held, switched_off, secrets_*, state_unavailable, record_unavailable
 */
export async function keepConnection(kept: KeptConnection, deps: KeepConnectionDeps): Promise<Connection> {
  const { row, owner } = kept
  const barred = deps.gate.check(owner, row.rev)
  if (barred !== undefined) throw new SallyportError(barred.reason)
  return deps.turns(row.id, () => keep(kept, deps))
}

async function keep(
  { row, owner, secret, grantOf }: KeptConnection,
  deps: KeepConnectionDeps,
): Promise<Connection> {
  const { place } = row
  const stored = await deps.secrets.read(place)
  if (stored?.grant !== undefined && deps.gate.check(owner, stored.grant.rev) !== undefined)
    throw new SallyportError('secrets_conflict')
  const fresh = stored?.grant === undefined
  await deps.connections.put(fresh ? { ...row, status: 'pending' } : row)
  try {
    const grant = grantOf((stored?.grant?.gen ?? 0) + 1)
    if (fresh) await deps.secrets.create(place, grant, stored?.version ?? 0)
    else await deps.secrets.update(place, grant, stored.version)
    if (deps.gate.check(owner, row.rev) !== undefined) return await undo(row, deps)
    await noteConnected(row, secret, deps)
  } catch (error) {
    if (fresh) void undoPending(row, error, deps)
    throw error
  }
  await deps.connections.activate(place.tenant, row.id)
  return row
}
