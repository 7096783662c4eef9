import {
  type Connection,
  type Downstream,
  type Grant,
  type GrantPlace,
  type Principal,
  SallyportError,
  type Seq,
  type Server,
  type StoredGrant,
  type Work,
} from '../../model/index.ts'
import type { ExchangeDeps } from '../deps.ts'
import type { Linked } from '../flavours/linked.ts'
import { noteConnected, type PendingDeps, undoPending } from '../pending.ts'
import { connectionId, linkedPlace, registrationKey } from '../place.ts'
import type { Account } from '../providers/provider.ts'
import type { LinkedRegistration } from './registrations.ts'

/** A fresh account, and for whom and where it is to be kept. */
export interface Keeping {
  readonly server: Server
  readonly downstream: Downstream
  readonly principal: Principal
  readonly rev: Seq
  readonly at: LinkedRegistration
  readonly linked: Linked
  readonly account: Account | undefined
  /** The scopes that the person was asked for; undefined where none were named. */
  readonly requested: readonly string[] | undefined
}

export type KeepLinkedDeps = PendingDeps & Pick<ExchangeDeps, 'gate'>

function rowOf(
  { server, account, linked, requested = linked.scopes, rev }: Keeping,
  place: GrantPlace,
  { clock }: KeepLinkedDeps,
): Connection {
  return {
    id: connectionId(place),
    place,
    kind: 'linked',
    server: server.name,
    ...(account === undefined ? {} : { account }),
    scopes: linked.scopes,
    requested,
    createdAt: clock.now(),
    rev,
    status: 'active',
  }
}

function grantOf({ linked, rev, at }: Keeping, stored: StoredGrant | undefined): Grant {
  const { refreshToken: rt, expiresAt: exp, obtainedAt: obtained, secret, scopes } = linked
  return {
    v: 1,
    gen: (stored?.grant?.gen ?? 0) + 1,
    ...(rt === undefined ? {} : { rt }),
    at: secret,
    ...(exp === undefined ? {} : { exp, obtained }),
    status: 'active',
    rev,
    registration: registrationKey(at),
    scopes,
  }
}

/** Destroy what was just kept: the scope was cut while it was being written. */
async function undo(row: Connection, deps: KeepLinkedDeps): Promise<never> {
  const tomb = { at: deps.clock.now(), rev: deps.gate.applied, cause: 'cut while it was connected' }
  await deps.secrets.destroy(row.place, tomb)
  await deps.connections.markDestroyed(row.place.tenant, row.id, tomb)
  throw new SallyportError('cut')
}

/**
 * Keep a linked account as `connectStatic` keeps a secret: the row first, pending until grant and record are there. The
 * same account linked anew takes its own place; another one gets a place beside it.
 * @throws cut, held, secrets_*, state_unavailable, record_unavailable
 */
export async function keepLinked(keeping: Keeping, deps: KeepLinkedDeps): Promise<Connection> {
  const { server, downstream, principal, account, rev } = keeping
  const place = linkedPlace({ server, downstream }, principal, account?.id ?? '')
  const row = rowOf(keeping, place, deps)
  const owner: Work = {
    principal,
    client: '',
    sid: '',
    server: server.name,
    downstream: downstream.name,
    connection: row.id,
  }
  const barred = deps.gate.check(owner, rev)
  if (barred !== undefined) throw new SallyportError(barred.reason)
  return deps.turns(row.id, () => keep(keeping, { row, owner }, deps))
}

async function keep(
  keeping: Keeping,
  { row, owner }: { readonly row: Connection; readonly owner: Work },
  deps: KeepLinkedDeps,
): Promise<Connection> {
  const { place } = row
  const stored = await deps.secrets.read(place)
  // Cut, but not destroyed yet: the revocation still has to read it.
  if (stored?.grant !== undefined && deps.gate.check(owner, stored.grant.rev) !== undefined)
    throw new SallyportError('secrets_conflict')
  const fresh = stored?.grant === undefined
  await deps.connections.put(fresh ? { ...row, status: 'pending' } : row)
  try {
    const grant = grantOf(keeping, stored)
    if (fresh) await deps.secrets.create(place, grant, stored?.version ?? 0)
    else await deps.secrets.update(place, grant, stored.version)
    if (deps.gate.check(owner, keeping.rev) !== undefined) return await undo(row, deps)
    await noteConnected(row, keeping.linked.secret, deps)
  } catch (error) {
    if (fresh) void undoPending(row, error, deps)
    throw error
  }
  await deps.connections.activate(place.tenant, row.id)
  return row
}
