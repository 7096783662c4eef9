import { type Grant, type GrantPlace, SallyportError } from '../model/index.ts'
import type { LinkedRegistration, Registrations } from './connect/registrations.ts'
import type { ExchangeDeps } from './deps.ts'
import type { Need } from './need.ts'
import type { Made } from './exchanged.ts'
import { linkedRefresh } from './flavours/linked.ts'
import type { Flight } from './flights.ts'
import type { RequestToken } from './grant-request.ts'
import { isFresh } from './kept-grant.ts'
import { madeOf } from './keep-grant.ts'
import { registrationKey } from './place.ts'
import type { LiveGrant, RefreshTask } from './refresh-claim.ts'
import type { Refresher } from './refresh.ts'

/** A linked account that is wanted, under way. */
export interface LinkedWanted {
  readonly need: Need
  readonly place: GrantPlace
  readonly flight: Flight
  /** The downstream refused the access token with this fingerprint. */
  readonly refused: string | undefined
}

export interface LinkedDeps extends Pick<ExchangeDeps, 'secrets' | 'gate' | 'clock' | 'audit'> {
  readonly registrations: Registrations
  readonly requestToken: RequestToken
  readonly refresher: Refresher
}

function taskOf(
  { place, flight }: LinkedWanted,
  at: LinkedRegistration,
  { requestToken }: LinkedDeps,
): RefreshTask {
  const terms = { provider: at.linked.provider, resource: at.resource, issuer: at.issuer }
  return {
    place,
    at,
    flight,
    ask: (refreshToken, scopes, latest) =>
      requestToken(linkedRefresh, { ...terms, refreshToken, scopes }, at, latest),
    narrow: () => Promise.reject(new SallyportError('exchange_response_refused', { field: 'aud' })),
  }
}

/** What was refused and cannot be refreshed is not tried again after a restart either. */
async function end({ place }: LinkedWanted, { grant, version }: LiveGrant, deps: LinkedDeps): Promise<void> {
  // Where it is not written, or was linked anew meanwhile, the next refusal comes here again.
  await deps.secrets.update(place, { ...grant, status: 'reauth_required' }, version).catch(() => undefined)
}

/** A dead grant stays dead until the person links the account anew: nobody is asked again. */
async function refreshed(wanted: LinkedWanted, stored: LiveGrant, deps: LinkedDeps): Promise<Grant> {
  const { rt, registration } = stored.grant
  if (rt === undefined) {
    if (wanted.refused !== undefined) await end(wanted, stored, deps)
    throw new SallyportError('reauth_required')
  }
  const at = await deps.registrations.of(wanted.need.downstream)
  wanted.flight.still()
  // Another client of ours would be refused, and might end what the right one still has.
  if (registration !== registrationKey(at)) throw new SallyportError('reauth_required')
  return deps.refresher.refresh(taskOf(wanted, at, deps), stored)
}

/** What an earlier refresh could not write comes first: the stored refresh token is used up. */
async function settled(wanted: LinkedWanted, deps: LinkedDeps): Promise<Made | undefined> {
  const { place, flight, refused } = wanted
  const grant = await deps.refresher.settle({ place })
  flight.still()
  if (grant === undefined || !isFresh(grant, refused, deps)) return undefined
  return { ...madeOf(grant, place, deps), how: 'refresh' }
}

/**
 * What a person linked, from the store: as it is while it is fresh, else refreshed, once, whoever asks.
 * @throws connect_required, reauth_required, exchange_*, secrets_*, cut
 */
export async function obtainLinked(wanted: LinkedWanted, deps: LinkedDeps): Promise<Made> {
  const { place, flight, refused } = wanted
  const present = await settled(wanted, deps)
  if (present !== undefined) return present
  const stored = await deps.secrets.read(place)
  flight.still()
  if (stored?.grant === undefined) throw new SallyportError('connect_required')
  if (deps.gate.check(flight.owner, stored.grant.rev) !== undefined)
    throw new SallyportError('connect_required')
  if (stored.grant.status === 'reauth_required') throw new SallyportError('reauth_required')
  if (isFresh(stored.grant, refused, deps)) return { ...madeOf(stored.grant, place, deps), how: 'stored' }
  const grant = await refreshed(wanted, stored, deps)
  return { ...madeOf(grant, place, deps), how: 'refresh' }
}
