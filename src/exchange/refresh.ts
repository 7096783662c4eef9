import { Buffer } from 'node:buffer'
import { setTimeout as wait } from 'node:timers/promises'
import { type Grant, SallyportError, type Scope, type Secret } from '../model/index.ts'
import type { Broad, Issued } from './flavours/flavour.ts'
import { isBarred } from './flights.ts'
import { isCode } from './is-code.ts'
import { reaches } from './owner.ts'
import { placeKey } from './place.ts'
import {
  claim,
  jitter,
  type LiveGrant,
  readLive,
  type RefreshDeps,
  type RefreshTask,
  release,
  type Running,
  type Unsaved,
  withoutClaim,
} from './refresh-claim.ts'

export interface Refresher {
  /**
   * Refresh once, whoever else tries at the same time; answers the grant that is in force then.
   * @throws reauth_required, secrets_*, exchange_*, cut
   */
  refresh(task: RefreshTask, stored: LiveGrant): Promise<Grant>
  /** Write what an earlier refresh could not; undefined where nothing waits. @throws secrets_* */
  settle(task: RefreshTask): Promise<Grant | undefined>
  /** Forget unwritten grants of the scope and give their refresh tokens back; says how many. */
  bar(scope: Scope): number
}

const writeAttempts = 4

async function callOnce(task: RefreshTask, claimed: LiveGrant, running: Running): Promise<Issued | Broad> {
  const { rt, scopes } = claimed.grant
  if (rt === undefined) throw new SallyportError('reauth_required')
  try {
    return await task.ask(rt, scopes)
  } catch (error) {
    if (!isCode(error, 'reauth_required')) await release(task, claimed, claimed.grant, running)
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
  const now = await readLive(task, running)
  if (now.grant.gen > claimed.grant.gen) return now.grant
  await release(task, claimed, { ...claimed.grant, status: 'reauth_required' }, running)
  throw cause
}

/** Somebody wrote between our claim and our result: a tombstone wins, else the higher generation does. */
async function afterConflict(task: RefreshTask, grant: Grant, running: Running): Promise<LiveGrant> {
  const winner = await running.secrets.read(task.place)
  if (winner?.grant !== undefined) return winner
  if (grant.rt !== undefined) running.giveBack(task.at, grant.rt)
  throw new SallyportError('secrets_destroyed')
}

/**
 * Write the new generation; answers what is in force then, which is somebody else's where he was ahead. What cannot
 * be written now stays in memory, is not used, and is tried again first.
 */
async function persist({ task, grant, version }: Unsaved, running: Running): Promise<LiveGrant> {
  let expected = version
  for (let attempt = 1; ; attempt++) {
    try {
      return { version: await running.secrets.update(task.place, grant, expected), grant }
    } catch (error) {
      if (isCode(error, 'secrets_conflict', 'secrets_destroyed')) {
        const winner = await afterConflict(task, grant, running)
        if (winner.grant.gen >= grant.gen) return winner
        expected = winner.version
      } else if (attempt === writeAttempts) {
        running.unsaved.set(placeKey(task.place), { task, grant: withoutClaim(grant), version: expected })
        running.log.error('a refreshed grant could not be written and waits in memory', {}, error)
        throw error
      } else {
        await wait(jitter(running) * attempt)
      }
    }
  }
}

/** Nothing fresh may stay behind, here or at the provider, once the scope was barred. */
function checkStill(task: RefreshTask, fresh: Secret | undefined, running: Running): void {
  if (fresh !== undefined && isBarred(task.flight)) running.giveBack(task.at, fresh)
  task.flight.still()
}

/** The grant with a fresh refresh token, and no access token yet. */
function rotated(task: RefreshTask, before: Grant, answer: Issued | Broad): Grant {
  const { at: _at, exp: _exp, ...rest } = before
  const { refreshToken: rt } = answer
  return { ...rest, gen: before.gen + 1, rev: task.flight.rev, ...(rt === undefined ? {} : { rt }) }
}

function withToken(grant: Grant, { secret, expiresAt }: Issued): Grant {
  return { ...withoutClaim(grant), at: secret, ...(expiresAt === undefined ? {} : { exp: expiresAt }) }
}

/** A broad token is narrowed only after the new refresh token is safe, and still under our claim. */
async function narrowAndPersist(
  task: RefreshTask,
  answer: Broad,
  kept: LiveGrant,
  running: Running,
): Promise<LiveGrant> {
  try {
    const issued = await task.narrow(answer)
    return await persist({ task, grant: withToken(kept.grant, issued), version: kept.version }, running)
  } catch (error) {
    await release(task, kept, kept.grant, running)
    throw error
  }
}

async function refreshClaimed(task: RefreshTask, claimed: LiveGrant, running: Running): Promise<Grant> {
  const answer = await callOnce(task, claimed, running)
  checkStill(task, answer.refreshToken, running)
  const next = rotated(task, claimed.grant, answer)
  const isBroad = 'subject' in answer
  const grant = isBroad ? next : withToken(next, answer)
  let kept = await persist({ task, grant, version: claimed.version }, running)
  if (isBroad && kept.grant === grant) kept = await narrowAndPersist(task, answer, kept, running)
  checkStill(task, answer.refreshToken, running)
  return kept.grant
}

function bar(scope: Scope, { unsaved, giveBack }: Running): number {
  let dropped = 0
  for (const [key, { task, grant }] of unsaved) {
    if (!reaches(scope, task.flight.owner)) continue
    unsaved.delete(key)
    if (grant.rt !== undefined) giveBack(task.at, grant.rt)
    dropped++
  }
  return dropped
}

/**
 * Refreshes stored grants when several processes may try at once and the provider honours each refresh token once:
 * claim by compare-and-swap, exactly one token call, and the result is written before it is used.
 */
export function createRefresher(deps: RefreshDeps): Refresher {
  const owner = Buffer.from(deps.random(16)).toString('base64url')
  const running: Running = { ...deps, owner, unsaved: new Map() }
  return {
    async refresh(task, stored) {
      const claimed = await claim(task, stored, running)
      if (!claimed.ours) return claimed.grant
      task.flight.still()
      try {
        return await refreshClaimed(task, claimed, running)
      } catch (error) {
        if (!isCode(error, 'reauth_required')) throw error
        return afterRefusal(task, claimed, error, running)
      }
    },
    async settle(task) {
      const key = placeKey(task.place)
      const waiting = running.unsaved.get(key)
      if (waiting === undefined) return undefined
      running.unsaved.delete(key)
      return (await persist({ ...waiting, task }, running)).grant
    },
    bar: (scope) => bar(scope, running),
  }
}
