import { setTimeout as wait } from 'node:timers/promises'
import {
  epoch,
  type Grant,
  type GrantPlace,
  type RefreshClaim,
  SallyportError,
  type Secret,
  type StoredGrant,
} from '../model/index.ts'
import { callTimeout, type Registration } from './authorization-server.ts'
import type { ExchangeDeps } from './deps.ts'
import type { Broad, Issued } from './flavours/flavour.ts'
import type { Flight } from './flights.ts'
import { isCode } from './is-code.ts'

/** A stored grant to be refreshed, and for whom. */
export interface RefreshTask {
  readonly place: GrantPlace
  readonly at: Registration
  readonly flight: Flight
  /** One call with this refresh token; the answer is judged. @throws reauth_required, exchange_* */
  readonly ask: (refreshToken: Secret, scopes: readonly string[]) => Promise<Issued | Broad>
  /** Makes of a token that names further audiences one for this downstream alone. @throws exchange_* */
  readonly narrow: (answer: Broad) => Promise<Issued>
}

export type LiveGrant = Extract<StoredGrant, { tomb?: undefined }>

export interface RefreshDeps extends Pick<ExchangeDeps, 'secrets' | 'clock' | 'random' | 'log'> {
  /** Revoke at the provider what must not be kept. Returns at once, never throws. */
  readonly giveBack: (at: Registration, token: Secret) => void
}

/** A refreshed grant on its way to the store. */
export interface Unsaved {
  readonly task: RefreshTask
  readonly grant: Grant
  readonly version: number
}

export interface Running extends RefreshDeps {
  /** This process, in claims. */
  readonly owner: string
  /** Refreshed grants that could not be written yet, by place. */
  readonly unsaved: Map<string, Unsaved>
}

/** Seconds a claim lasts: longer than a refresh and a narrowing exchange, each with its one repetition. */
const claimLife = 4 * callTimeout + 8
/** How far the wall clocks of two replicas may differ, in seconds. */
const skew = 30
export function withoutClaim({ claim: _claim, ...rest }: Grant): Grant {
  return rest
}

export function jitter({ random }: Running): number {
  return 50 + (random(1)[0] ?? 0) / 4
}

export async function readLive({ place, flight }: RefreshTask, running: Running): Promise<LiveGrant> {
  const stored = await running.secrets.read(place)
  flight.still()
  if (stored?.grant === undefined) throw new SallyportError('secrets_destroyed')
  return stored
}

/** Is somebody else at it? Their clock may be wrong, so a claim also ends once we have watched it for its whole life. */
function claimedByOther(
  claim: RefreshClaim | undefined,
  watched: Map<string, number>,
  running: Running,
): boolean {
  const { clock, owner } = running
  if (claim === undefined || claim.owner === owner) return false
  if (clock.now() > claim.until + skew) return false
  const name = `${claim.owner} ${claim.until}`
  const since = watched.get(name) ?? clock.monotonic()
  watched.set(name, since)
  return clock.monotonic() - since < claimLife * 1000
}

/** A grant, and whether it is under our claim. */
export type Claimed = LiveGrant & { readonly ours: boolean }

/** The grant under our claim, or, where somebody else refreshed it meanwhile, as it is now. */
export async function claim(task: RefreshTask, before: LiveGrant, running: Running): Promise<Claimed> {
  const { secrets, clock, owner } = running
  const watched = new Map<string, number>()
  for (let stored = before; ; stored = await readLive(task, running)) {
    const { gen, at } = stored.grant
    if (gen > before.grant.gen && at !== undefined) return { ...stored, ours: false }
    if (claimedByOther(stored.grant.claim, watched, running)) {
      await wait(jitter(running))
      continue
    }
    const grant = { ...stored.grant, claim: { owner, until: epoch(clock.now() + claimLife) } }
    try {
      return { version: await secrets.update(task.place, grant, stored.version), grant, ours: true }
    } catch (error) {
      if (!isCode(error, 'secrets_conflict')) throw error
    }
  }
}

/** Take the claim back after a failure, so that the next try need not wait for it. Best effort. */
export async function release(
  task: RefreshTask,
  claimed: LiveGrant,
  grant: Grant,
  running: Running,
): Promise<void> {
  await running.secrets.update(task.place, withoutClaim(grant), claimed.version).catch((error: unknown) => {
    running.log.warn('a refresh claim could not be taken back', {}, error)
  })
}
