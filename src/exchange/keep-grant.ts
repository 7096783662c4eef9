import {
  type Connection,
  epoch,
  type Grant,
  type GrantPlace,
  SallyportError,
  type StoredGrant,
} from '../model/index.ts'
import type { Turns } from '../storage/index.ts'
import type { ExchangeDeps } from './deps.ts'
import {
  exchangeAsked,
  exchangeOnce,
  type ExchangeOnceDeps,
  type Made,
  subjectOf,
  type Wanted,
} from './exchanged.ts'
import type { Issued } from './flavours/flavour.ts'
import { isBarred } from './flights.ts'
import type { GiveBack } from './give-back.ts'
import { connectionId, registrationKey } from './place.ts'
import { isCode } from './is-code.ts'

export interface KeepDeps
  extends ExchangeOnceDeps,
    Pick<ExchangeDeps, 'secrets' | 'connections' | 'gate' | 'clock' | 'log'> {
  readonly turns: Turns
  readonly giveBack: GiveBack
}

/** Where a new grant is to lie, and what lies there now. */
export interface Keeping extends Wanted {
  readonly place: GrantPlace
  readonly stored: StoredGrant | undefined
}

export const storeIsDown = (error: unknown): boolean => isCode(error, 'secrets_unavailable', 'secrets_sealed')

function rowOf({ need, place, flight }: Keeping, { clock }: KeepDeps): Connection {
  const { session } = need.access
  return {
    id: connectionId(place),
    place,
    kind: 'exchange',
    server: need.server.name,
    sid: session.sid,
    client: session.client,
    createdAt: clock.now(),
    rev: flight.rev,
    status: 'active',
  }
}

function grantOf({ need, source, flight, stored }: Keeping, issued: Issued): Grant {
  const { refreshToken, secret, expiresAt, obtainedAt, scopes } = issued
  return {
    v: 1,
    gen: (stored?.grant?.gen ?? 0) + 1,
    ...(refreshToken === undefined ? {} : { rt: refreshToken }),
    at: secret,
    exp: expiresAt ?? epoch(obtainedAt),
    obtained: obtainedAt,
    status: 'active',
    rev: flight.rev,
    registration: registrationKey(source),
    scopes,
    sid: need.access.session.sid,
  }
}

/**
 * Write the grant. The index row comes first: a grant without a row would never be found by a revocation. One that
 * looked before the row was there is made up for afterwards, by destroying what was just kept.
 */
async function write(keeping: Keeping, grant: Grant, deps: KeepDeps): Promise<void> {
  const { place, stored, flight } = keeping
  const { secrets, connections, clock, gate } = deps
  const row = rowOf(keeping, deps)
  if (stored?.grant === undefined) {
    await connections.put({ ...row, status: 'pending' })
    await secrets.create(place, grant, stored?.version ?? 0)
    await connections.activate(place.tenant, row.id)
  } else {
    await connections.put(row)
    await secrets.update(place, grant, stored.version)
  }
  if (!isBarred(flight)) return
  const tomb = { at: clock.now(), rev: gate.applied, cause: 'cut while it was obtained' }
  await secrets.destroy(place, tomb)
  await connections.markDestroyed(place.tenant, row.id, tomb)
}

/** Another process kept a grant for the same session first: there is no use for ours. */
async function takeWinner(keeping: Keeping, issued: Issued, deps: KeepDeps): Promise<Made> {
  const { place, source, flight } = keeping
  const winner = await deps.secrets.read(place)
  flight.still()
  const usable =
    winner?.grant !== undefined && (winner.grant.exp ?? Number.POSITIVE_INFINITY) > deps.clock.now()
  if (usable) return { ...madeOf(winner.grant, place, deps), how: 'stored' }
  if (winner?.grant === undefined && issued.refreshToken !== undefined)
    deps.giveBack({ place, at: source }, { rt: issued.refreshToken })
  throw new SallyportError('secrets_conflict')
}

/** What a grant in force gives. @throws secrets_conflict while it has no access token */
export function madeOf(
  grant: Grant,
  place: GrantPlace,
  { clock }: Pick<KeepDeps, 'clock'>,
): Omit<Made, 'how'> {
  const { at, exp, scopes } = grant
  if (at === undefined) throw new SallyportError('secrets_conflict')
  const issued = {
    secret: at,
    obtainedAt: clock.now(),
    scopes,
    ...(exp === undefined ? {} : { expiresAt: exp }),
  }
  return { issued, connection: connectionId(place) }
}

async function keep(keeping: Keeping, issued: Issued, deps: KeepDeps): Promise<Made> {
  const { place, flight } = keeping
  const grant = grantOf(keeping, issued)
  try {
    await deps.turns(connectionId(place), () => write(keeping, grant, deps))
  } catch (error) {
    if (isCode(error, 'secrets_conflict', 'secrets_destroyed')) return takeWinner(keeping, issued, deps)
    if (!storeIsDown(error)) throw error
    deps.log.warn('an exchanged grant could not be kept; its access token is used until it ends', {}, error)
    return { issued, how: 'exchange' }
  }
  flight.still()
  return { issued, connection: connectionId(place), how: 'exchange' }
}

/** Exchange the session's subject token and keep what came out as a stored connection. @throws subject_expired, exchange_*, cut */
export async function exchangeAndKeep(keeping: Keeping, deps: KeepDeps): Promise<Made> {
  const { need, source, flight } = keeping
  const { downstream, access } = need
  const subject = await subjectOf(keeping, deps.subjects)
  // A refresh cannot show that a delegation was kept, so nothing refreshable is asked for.
  if (subject.claims.actors.length > 0 || subject.claims.mayAct !== undefined)
    return exchangeOnce(keeping, deps)
  const ask = { source, downstream, principal: access.session.principal, subject, keep: true }
  const issued = await exchangeAsked(need, ask, deps)
  const { refreshToken } = issued
  if (refreshToken === undefined) {
    deps.log.warn('the provider returned no refresh token to keep', { downstream: downstream.name })
    flight.still()
    return { issued, how: 'exchange' }
  }
  try {
    flight.still()
    return await keep(keeping, issued, deps)
  } catch (error) {
    if (isBarred(flight)) deps.giveBack({ place: keeping.place, at: source }, { rt: refreshToken })
    throw error
  }
}
