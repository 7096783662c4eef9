import { setTimeout as wait } from 'node:timers/promises'
import {
  epoch,
  type Grant,
  type GrantPlace,
  type Millis,
  millis,
  type RefreshClaim,
  SallyportError,
  type Secret,
  type StoredGrant,
} from '../model/index.ts'
import type { Registration } from './registration.ts'
import type { ExchangeDeps } from './deps.ts'
import type { Broad, Issued } from './flavours/flavour.ts'
import type { Flight } from './flights.ts'
import { isCode } from './is-code.ts'
import { callTimeout } from './call-timeout.ts'

/** A stored grant to be refreshed, for whom, and how. */
export interface RefreshTask {
  readonly place: GrantPlace
  /** Where its refresh token came from. */
  readonly at: Registration
  readonly flight: Flight
  /**
   * The token call (RFC 6749 §6) with this refresh token, repeated at most once and not begun after `latest`, by the
   * monotonic clock; the answer is judged. @throws reauth_required, exchange_*
   */
  readonly ask: (refreshToken: Secret, scopes: readonly string[], latest: Millis) => Promise<Issued | Broad>
  /** Makes of a token that names further audiences one for this downstream alone. @throws exchange_* */
  readonly narrow: (answer: Broad) => Promise<Issued>
}

export type LiveGrant = Extract<StoredGrant, { tomb?: undefined }>

export interface ClaimDeps extends Pick<ExchangeDeps, 'secrets' | 'clock' | 'random' | 'log'> {
  /** This process, in claims. */
  readonly owner: string
}

/** Seconds for the write of what a token call gave: one that could end later than this before the claim does is not begun. */
const writeTime = 4
/**
 * Seconds a claim lasts. Short enough for a successor to come, grace included, within the half minute for which
 * providers forgive a refresh token that is used twice.
 */
const claimLife = 2 * callTimeout + writeTime
/** How far the wall clocks of two replicas may be apart, in seconds: each half a minute, in either direction. */
const skew = 60
/**
 * Seconds between taking a claim over and using the refresh token under it. A holder who lives, but could not reach
 * the store, tries to write at shorter intervals (`grant-writer.ts`), and what he has is newer.
 */
const grace = 6

export function withoutClaim({ claim: _claim, ...rest }: Grant): Grant {
  return rest
}

/** The grant under a claim of ours that begins now. */
export function claimed(grant: Grant, { owner, clock }: Pick<ClaimDeps, 'owner' | 'clock'>): Grant {
  return { ...grant, claim: { owner, until: epoch(clock.now() + claimLife) } }
}

/**
 * Milliseconds until the store is asked again: 50, 100 … 1000, and up to half more by chance. Most refreshes are over
 * after the first; where many grants end at once, the store has enough to do.
 */
function pollPause(polls: number, { random }: Pick<ClaimDeps, 'random'>): number {
  return Math.min(1000, 50 * 2 ** polls) * (1 + (random(1)[0] ?? 0) / 510)
}

export async function readLive(
  { place, flight }: Pick<RefreshTask, 'place' | 'flight'>,
  { secrets }: Pick<ClaimDeps, 'secrets'>,
): Promise<LiveGrant> {
  const stored = await secrets.read(place)
  flight.still()
  if (stored?.grant === undefined) throw new SallyportError('secrets_destroyed')
  return stored
}

/** Clocks differ, so a claim also ends once we have watched it unchanged for its whole life. */
function isOver({ until }: RefreshClaim, watchedMs: number, { clock }: ClaimDeps): boolean {
  return clock.now() > until + skew || watchedMs >= claimLife * 1000
}

/** A grant under our claim, with the latest moment for the token call; or one that somebody else has refreshed meanwhile. */
export type Claimed = LiveGrant &
  ({ readonly ours: true; readonly latest: Millis } | { readonly ours: false })

/**
 * Claim the grant, or wait for whoever has. @throws reauth_required where somebody else found it dead meanwhile: its
 * refresh token is not tried again
 */
export async function claim(task: RefreshTask, before: LiveGrant, deps: ClaimDeps): Promise<Claimed> {
  const { secrets, clock } = deps
  let watched = { version: 0, since: clock.monotonic(), polls: 0 }
  for (let stored = before; ; stored = await readLive(task, deps)) {
    const { version, grant } = stored
    if (grant.status === 'reauth_required') throw new SallyportError('reauth_required')
    if (grant.gen > before.grant.gen && grant.at !== undefined) return { ...stored, ours: false }
    const now = clock.monotonic()
    if (watched.version !== version) watched = { version, since: now, polls: 0 }
    const other = grant.claim?.owner === deps.owner ? undefined : grant.claim
    if (other !== undefined && !isOver(other, now - watched.since, deps)) {
      await wait(pollPause(watched.polls++, deps))
      continue
    }
    try {
      const ours = claimed(grant, deps)
      const written = await secrets.update(task.place, ours, version)
      if (other === undefined) return { version: written, grant: ours, ours: true, latest: latestFrom(now) }
      await wait(grace * 1000)
    } catch (error) {
      if (!isCode(error, 'secrets_conflict')) throw error
    }
  }
}

const latestFrom = (claimedAt: Millis): Millis =>
  millis(claimedAt + (claimLife - callTimeout - writeTime) * 1000)

/** Take our claim back after a failure, so that the next try need not wait for it. Best effort; says whether it was still ours to take. */
export async function release(
  { place }: Pick<RefreshTask, 'place'>,
  { grant, version }: LiveGrant,
  { secrets, log }: Pick<ClaimDeps, 'secrets' | 'log'>,
): Promise<boolean> {
  try {
    await secrets.update(place, withoutClaim(grant), version)
    return true
  } catch (error) {
    if (isCode(error, 'secrets_conflict', 'secrets_destroyed')) return false
    log.warn('a refresh claim could not be taken back', {}, error)
    return true
  }
}
