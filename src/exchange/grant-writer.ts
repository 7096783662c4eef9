import { setTimeout as wait } from 'node:timers/promises'
import { type Grant, SallyportError, type Scope } from '../model/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import { barredBy } from './flights.ts'
import type { GiveBack } from './give-back.ts'
import { isCode } from './is-code.ts'
import { reaches } from './owner.ts'
import { placeKey } from './place.ts'
import { type ClaimDeps, type LiveGrant, type RefreshTask, withoutClaim } from './refresh-claim.ts'

export interface WriterDeps extends ClaimDeps {
  readonly metrics: Pick<Metrics, 'unsavedGrants'>
  readonly giveBack: GiveBack
}

/** A refreshed grant, and the version of the stored one that it was made from. */
export interface Refreshed {
  readonly task: RefreshTask
  readonly grant: Grant
  readonly version: number
}

/**
 * Refreshed grants on their way to the store. Their refresh tokens are nowhere else, since the provider has spent the
 * former ones: so a write goes on until it is done, also after its caller was told that the store is away. Nothing is
 * used before that.
 */
export interface GrantWriter {
  /**
   * Write it; answers what is in force then, which is somebody else's where he was ahead.
   * @throws secrets_destroyed, cut; what the store says if it does not take it soon, and then the write goes on
   */
  write(refreshed: Refreshed): Promise<LiveGrant>
  /** The same for one that is under way; undefined where none is. */
  pending(task: Pick<RefreshTask, 'place'>): Promise<LiveGrant> | undefined
  /** Places of those under way. */
  places(): Iterable<string>
  /** Give up what was cut in the scope, and give it back. Says how many. */
  bar(scope: Scope): number
  /** One more try for each; what is not written then is lost. */
  close(): Promise<void>
}

interface Writing {
  readonly task: RefreshTask
  grant: Grant
  version: number
  /** Why it is given up. */
  over?: 'cut' | 'closed'
  failure?: unknown
  /** Resolves when a try has failed. */
  readonly failed: PromiseWithResolvers<undefined>
  readonly woken: AbortController
}

/** Milliseconds that a caller waits for a store that was found to be away. */
const patience = 2000
/** Milliseconds between tries. A successor under our claim waits longer than the last. */
const pauses = [100, 300, 1000] as const
/** Milliseconds that a stop waits for the last tries. */
const lastTries = 3000

/** One try; undefined where somebody wrote in between and has less. A tombstone wins, else the higher generation does. */
async function tryOnce(writing: Writing, deps: WriterDeps): Promise<LiveGrant | undefined> {
  const { task, grant, version } = writing
  try {
    return { version: await deps.secrets.update(task.place, grant, version), grant }
  } catch (error) {
    if (!isCode(error, 'secrets_conflict', 'secrets_destroyed')) throw error
  }
  const winner = await deps.secrets.read(task.place)
  if (winner?.grant === undefined) {
    deps.giveBack(task, grant)
    throw new SallyportError('secrets_destroyed')
  }
  if (winner.grant.gen < grant.gen) {
    writing.version = winner.version
    return undefined
  }
  // Under our claim it is this very write, whose answer was lost.
  const isOurs = winner.grant.gen === grant.gen && winner.grant.claim?.owner === deps.owner
  return isOurs ? { version: winner.version, grant } : winner
}

/** Until it is done. @throws secrets_destroyed, cut; anything once it is the last try */
async function run(writing: Writing, deps: WriterDeps): Promise<LiveGrant> {
  for (let attempt = 0; ; attempt++) {
    if (writing.over === 'cut') throw new SallyportError('cut')
    const isLast = writing.over === 'closed'
    try {
      const written = await tryOnce(writing, deps)
      if (written !== undefined) return written
    } catch (error) {
      if (isLast || isCode(error, 'secrets_destroyed')) throw error
      writing.failure = error
      writing.failed.resolve(undefined)
      const pause = pauses[attempt] ?? pauses[2]
      await wait(pause, undefined, { ref: false, signal: writing.woken.signal }).catch(() => undefined)
    }
  }
}

/** @throws what the store said last, when patience is at its end */
async function patiently(writing: Writing, done: Promise<LiveGrant>): Promise<LiveGrant> {
  const ended = new AbortController()
  const late = async (): Promise<never> => {
    await writing.failed.promise
    await wait(patience, undefined, { signal: ended.signal })
    // Nobody is left to narrow it.
    writing.grant = withoutClaim(writing.grant)
    const { failure } = writing
    throw failure instanceof SallyportError ? failure : new SallyportError('secrets_unavailable', {}, failure)
  }
  try {
    return await Promise.race([done, late()])
  } finally {
    ended.abort()
  }
}

/** Those under way, by place. */
type Open = Map<string, { readonly writing: Writing; readonly done: Promise<LiveGrant> }>

async function lastTryOfAll(open: Open): Promise<number> {
  let left = open.size
  const tries = [...open.values()].map(({ writing, done }) => {
    writing.over ??= 'closed'
    writing.woken.abort()
    const settled = (error?: unknown): void => {
      if (error === undefined || isCode(error, 'cut', 'secrets_destroyed')) left -= 1
    }
    return done.then(() => settled(), settled)
  })
  await Promise.race([Promise.all(tries), wait(lastTries, undefined, { ref: false })])
  return left
}

function dropCut(scope: Scope, open: Open, { giveBack }: Pick<WriterDeps, 'giveBack'>): number {
  let dropped = 0
  for (const { writing } of open.values()) {
    const { task, grant } = writing
    if (!reaches(scope, task.flight.owner) || barredBy(task.flight) !== 'cut') continue
    writing.over = 'cut'
    writing.woken.abort()
    giveBack(task, grant)
    dropped++
  }
  return dropped
}

export function createGrantWriter(deps: WriterDeps): GrantWriter {
  const { log, metrics } = deps
  const open: Open = new Map()
  let waiting = 0

  const count = (by: 1 | -1): void => {
    waiting += by
    metrics.unsavedGrants.set(waiting)
  }

  async function alarm(writing: Writing, done: Promise<LiveGrant>): Promise<void> {
    await writing.failed.promise
    count(1)
    log.error('a refreshed grant could not be written and waits in memory', {}, writing.failure)
    await done.catch(() => undefined)
    count(-1)
  }

  return {
    write(refreshed) {
      const key = placeKey(refreshed.task.place)
      const signals = { failed: Promise.withResolvers<undefined>(), woken: new AbortController() }
      const writing: Writing = { ...refreshed, ...signals }
      const done = run(writing, deps).finally(() => open.delete(key))
      open.set(key, { writing, done })
      void alarm(writing, done)
      return patiently(writing, done)
    },
    pending(task) {
      const present = open.get(placeKey(task.place))
      return present === undefined ? undefined : patiently(present.writing, present.done)
    },
    places: () => open.keys(),
    bar: (scope) => dropCut(scope, open, deps),
    async close() {
      const lost = await lastTryOfAll(open)
      if (lost > 0) log.error('refreshed grants were lost with this process', { grants: lost })
    },
  }
}
