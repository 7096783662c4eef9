import { Buffer } from 'node:buffer'
import { type Grant, SallyportError, type Scope } from '../model/index.ts'
import { createTurns } from '../storage/index.ts'
import type { Backoff } from './backoff.ts'
import type { Broad, Issued } from './flavours/flavour.ts'
import { barredBy } from './flights.ts'
import { createGrantWriter, type GrantWriter, type WriterDeps } from './grant-writer.ts'
import { isCode } from './is-code.ts'
import { placeKey } from './place.ts'
import {
  claim,
  type Claimed,
  claimed as underClaim,
  type LiveGrant,
  readLive,
  type RefreshTask,
  release,
  withoutClaim,
} from './refresh-claim.ts'

export interface RefreshDeps extends Omit<WriterDeps, 'owner'> {
  readonly backoff: Backoff
}

export interface Refresher {
  /**
   * Refresh once, whoever else tries at the same time; answers the grant that is in force then. A dead grant is not
   * tried. @throws reauth_required, secrets_*, exchange_*, cut
   */
  refresh(task: RefreshTask, stored: LiveGrant): Promise<Grant>
  /** What an earlier refresh could not write yet, once it is written; undefined where nothing waits. @throws secrets_* */
  settle(task: Pick<RefreshTask, 'place'>): Promise<Grant | undefined>
  /** Forget unwritten grants that were cut in the scope and give their refresh tokens back; says how many. */
  bar(scope: Scope): number
  /** Write what waits, as far as the store lets it. */
  close(): Promise<void>
}

interface Running extends WriterDeps {
  readonly backoff: Backoff
  readonly writer: GrantWriter
  /** Places whose refresh token is being spent. */
  readonly spending: Set<string>
}

/** So many refreshed grants may be in memory alone. Further refresh tokens are not spent while the store is away. */
const maxUnsaved = 1000

type Ours = Extract<Claimed, { ours: true }>

async function callOnce(task: RefreshTask, claimed: Ours, running: Running): Promise<Issued | Broad> {
  const { rt, scopes } = claimed.grant
  if (rt === undefined) throw new SallyportError('reauth_required')
  const key = placeKey(task.place)
  try {
    const answer = await task.ask(rt, scopes, claimed.latest)
    running.backoff.succeeded(key)
    return answer
  } catch (error) {
    if (!isCode(error, 'reauth_required')) running.backoff.failed(key, error)
    throw error
  }
}

/** `invalid_grant` is the end only if nobody has a newer generation. */
async function afterRefusal(
  task: RefreshTask,
  claimed: LiveGrant,
  cause: unknown,
  running: Running,
): Promise<Grant> {
  const dead = { ...claimed, grant: { ...claimed.grant, status: 'reauth_required' as const } }
  if (await release(task, dead, running)) throw cause
  const now = await readLive(task, running)
  if (now.grant.gen > claimed.grant.gen) return now.grant
  throw cause
}

/** Nothing fresh may stay behind, here or at the provider, once it was cut. */
function checkCut(task: RefreshTask, answer: Issued | Broad, running: Running): void {
  if (barredBy(task.flight) !== 'cut') return
  const { refreshToken: rt } = answer
  const { secret: at, expiresAt: exp } = 'subject' in answer ? broadToken(answer) : answer
  running.giveBack(task, { at, ...(rt && { rt }), ...(exp === undefined ? {} : { exp }) })
  throw new SallyportError('cut')
}

const broadToken = ({ subject: { token: secret, expiresAt } }: Broad) => ({ secret, expiresAt })

/** The grant with a fresh refresh token, and no access token yet. */
function rotated(task: RefreshTask, before: Grant, answer: Issued | Broad): Grant {
  const { at: _at, exp: _exp, obtained: _obtained, ...rest } = before
  const { refreshToken: rt } = answer
  const rev = Math.max(before.rev, task.flight.rev)
  return { ...rest, gen: before.gen + 1, rev, ...(rt === undefined ? {} : { rt }) }
}

const tokenOf = ({ secret, expiresAt, obtainedAt }: Issued): Pick<Grant, 'at' | 'exp' | 'obtained'> => ({
  at: secret,
  ...(expiresAt === undefined ? {} : { exp: expiresAt, obtained: obtainedAt }),
})

/** A broad token is narrowed only after the new refresh token is safe, and still under our claim. */
async function narrowAndWrite(
  task: RefreshTask,
  answer: Broad,
  kept: LiveGrant,
  running: Running,
): Promise<LiveGrant> {
  try {
    task.flight.still()
    const grant = { ...withoutClaim(kept.grant), ...tokenOf(await task.narrow(answer)) }
    return await running.writer.write({ task, grant, version: kept.version })
  } catch (error) {
    await release(task, kept, running)
    throw error
  }
}

/** What came is written also where it may not be used now: a hold and a switch end, and the former refresh token is spent. */
async function keep(
  task: RefreshTask,
  answer: Issued | Broad,
  { grant: before, version }: LiveGrant,
  running: Running,
): Promise<LiveGrant> {
  const next = rotated(task, before, answer)
  if (!('subject' in answer)) {
    const grant = { ...withoutClaim(next), ...tokenOf(answer) }
    return running.writer.write({ task, grant, version })
  }
  const grant = underClaim(next, running)
  const kept = await running.writer.write({ task, grant, version })
  checkCut(task, answer, running)
  return kept.grant === grant ? narrowAndWrite(task, answer, kept, running) : kept
}

async function refreshInTurn(task: RefreshTask, stored: LiveGrant, running: Running): Promise<Grant> {
  const waiting = await running.writer.pending(task)
  if (waiting !== undefined) return waiting.grant
  running.backoff.check(placeKey(task.place))
  const claimed = await claim(task, stored, running)
  if (!claimed.ours) return claimed.grant
  try {
    return await spend(task, claimed, running)
  } finally {
    running.spending.delete(placeKey(task.place))
  }
}

/** @throws what `refresh` does, without our claim */
async function spend(task: RefreshTask, claimed: Ours, running: Running): Promise<Grant> {
  let answer: Issued | Broad
  try {
    task.flight.still()
    reserve(placeKey(task.place), running)
    answer = await callOnce(task, claimed, running)
  } catch (error) {
    if (isCode(error, 'reauth_required')) return afterRefusal(task, claimed, error, running)
    await release(task, claimed, running)
    throw error
  }
  checkCut(task, answer, running)
  const kept = await keep(task, answer, claimed, running)
  checkCut(task, answer, running)
  task.flight.still()
  return kept.grant
}

/** @throws secrets_unavailable */
function reserve(place: string, { spending, writer }: Running): void {
  if (new Set([...spending, ...writer.places()]).size >= maxUnsaved)
    throw new SallyportError('secrets_unavailable')
  spending.add(place)
}

/**
 * Refreshes stored grants when several processes may try at once and the provider honours each refresh token once:
 * claim by compare-and-swap, exactly one token call, and the result is written before it is used.
 */
export function createRefresher(deps: RefreshDeps): Refresher {
  const owner = Buffer.from(deps.random(16)).toString('base64url')
  const writer = createGrantWriter({ ...deps, owner })
  const running: Running = { ...deps, owner, writer, spending: new Set() }
  // Several servers and sessions may need one linked account: a claim keeps out other processes only.
  const turns = createTurns()
  return {
    refresh: (task, stored) => turns(placeKey(task.place), () => refreshInTurn(task, stored, running)),
    settle: async (task) => (await writer.pending(task))?.grant,
    bar: writer.bar,
    close: writer.close,
  }
}
