import {
  type Connection,
  type Downstream,
  type Gate,
  type Grant,
  type GrantPlace,
  type Principal,
  SallyportError,
  type Secret,
  type Seq,
  type Server,
  type StoredGrant,
  type Work,
} from '../model/index.ts'
import type { ExchangeDeps } from './deps.ts'
import type { Made } from './exchanged.ts'
import { fromGrant, putIn } from './flavours/static.ts'
import type { Flight } from './flights.ts'
import { noteConnected, type PendingDeps, undoPending } from './pending.ts'
import { connectedPlace, connectionId } from './place.ts'

/** What a person, or an operator for him, hands over to be kept. */
export interface ConnectInput {
  readonly server: Server
  readonly downstream: Downstream
  readonly principal: Principal
  readonly value: Secret
  readonly rev: Seq
  /** Whoever runs sallyport puts it in for the person: then no client is asked about. */
  readonly operator: boolean
}

type ConnectDeps = PendingDeps & Pick<ExchangeDeps, 'gate'>

/** A linked account belongs to the person and the server, not to one client or sign-in. */
function ownerOfConnection({ server, downstream, principal }: ConnectInput, connection: string): Work {
  return { principal, client: '', sid: '', server: server.name, downstream: downstream.name, connection }
}

function checkGate(gate: Gate, work: Work, rev: Seq): void {
  const barred = gate.check(work, rev)
  if (barred !== undefined) throw new SallyportError(barred.reason)
}

function rowOf(input: ConnectInput, place: GrantPlace, { clock }: Pick<ConnectDeps, 'clock'>): Connection {
  return {
    id: connectionId(place),
    place,
    kind: 'static',
    server: input.server.name,
    ...(input.operator ? { operator: true } : {}),
    createdAt: clock.now(),
    rev: input.rev,
    status: 'active',
  }
}

function grantOf({ value, rev }: ConnectInput, stored: StoredGrant | undefined): Grant {
  const gen = (stored?.grant?.gen ?? 0) + 1
  return { v: 1, gen, at: value, status: 'active', rev, registration: putIn, scopes: [] }
}

/** Destroy what was just kept: the scope was cut while it was being written. */
async function undo(row: Connection, deps: ConnectDeps): Promise<never> {
  const tomb = { at: deps.clock.now(), rev: deps.gate.applied, cause: 'cut while it was connected' }
  await deps.secrets.destroy(row.place, tomb)
  await deps.connections.markDestroyed(row.place.tenant, row.id, tomb)
  throw new SallyportError('cut')
}

/**
 * Keep a secret for `static: { per: user }`. The index row comes first, so that a revocation finds it, and is pending
 * until the grant and its record are there; a grant that was cut and is not destroyed yet is not written over.
 * @throws exchange_unsupported_principal, cut, held, secrets_*, state_unavailable, record_unavailable
 */
export async function connectStatic(input: ConnectInput, deps: ConnectDeps): Promise<Connection> {
  const { server, downstream, principal, rev } = input
  const { credential: source } = downstream
  if (source.kind !== 'static' || source.per !== 'user' || principal.kind !== 'user') {
    throw new SallyportError('exchange_unsupported_principal', { downstream: downstream.name })
  }
  const place = connectedPlace({ server, downstream }, principal)
  const row = rowOf(input, place, deps)
  checkGate(deps.gate, ownerOfConnection(input, row.id), rev)
  return deps.turns(row.id, () => keep(input, row, deps))
}

async function keep(input: ConnectInput, row: Connection, deps: ConnectDeps): Promise<Connection> {
  const { place } = row
  const owner = ownerOfConnection(input, row.id)
  const stored = await deps.secrets.read(place)
  if (stored?.grant !== undefined && deps.gate.check(owner, stored.grant.rev) !== undefined) {
    throw new SallyportError('secrets_conflict')
  }
  const fresh = stored?.grant === undefined
  await deps.connections.put(fresh ? { ...row, status: 'pending' } : row)
  try {
    const grant = grantOf(input, stored)
    if (fresh) await deps.secrets.create(place, grant, stored?.version ?? 0)
    else await deps.secrets.update(place, grant, stored.version)
    if (deps.gate.check(owner, input.rev) !== undefined) return await undo(row, deps)
    await noteConnected(row, input.value, deps)
  } catch (error) {
    if (fresh) void undoPending(row, error, deps)
    throw error
  }
  await deps.connections.activate(place.tenant, row.id)
  return row
}

/** What a person connected, from the store. @throws connect_required, secrets_* */
export async function readConnected(
  place: GrantPlace,
  flight: Flight,
  deps: Pick<ConnectDeps, 'secrets' | 'gate' | 'clock'>,
): Promise<Made> {
  const stored = await deps.secrets.read(place)
  flight.still()
  const issued = fromGrant(stored?.grant, deps.clock.now())
  const isCut = stored?.grant !== undefined && deps.gate.check(flight.owner, stored.grant.rev) !== undefined
  if (isCut) throw new SallyportError('connect_required')
  return { issued, connection: connectionId(place), how: 'stored' }
}
