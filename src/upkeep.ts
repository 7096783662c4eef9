/** What a process does now and then without being asked. */
import type { Config } from './config/index.ts'
import type { Exchange } from './exchange/index.ts'
import type { Clock } from './model/index.ts'
import type { SignInDoor } from './signin/index.ts'
import type { State } from './storage/index.ts'
import type { Log } from './telemetry/index.ts'

interface Upkeep {
  readonly config: Config
  readonly state: State
  readonly exchange: Pick<Exchange, 'settlePending'>
  /** Undefined where nobody can sign in. */
  readonly signIn: Pick<SignInDoor, 'upkeep'> | undefined
  readonly log: Log
  readonly clock: Clock
}

/** Begins it, with the first round done; the returned function ends it. */
export async function startUpkeep(parts: Upkeep): Promise<() => void> {
  const stops = [await keepPruned(parts), await keepSettled(parts), keepLooked(parts)]
  return () => {
    for (const stop of stops) stop()
  }
}

const pruneEveryMs = 600_000

/** Sessions, sign-ins and tickets that have ended are forgotten, at the start and every ten minutes. */
async function keepPruned({ state, log, clock }: Upkeep): Promise<() => void> {
  const prune = async () => {
    for (const each of [state.sessions, state.signIns, state.tickets]) await each.prune(clock.now())
  }
  await prune()
  const timer = setInterval(() => {
    prune().catch((error: unknown) => log.warn('what has ended was not pruned', {}, error))
  }, pruneEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}

const settleEveryMs = 30_000

/** What was being connected when the process died or the store went away is settled, at the start and twice a minute. */
async function keepSettled({ config, log, exchange }: Upkeep): Promise<() => void> {
  await exchange.settlePending(config.tenant)
  const timer = setInterval(() => {
    exchange
      .settlePending(config.tenant)
      .catch((error: unknown) => log.warn('pending connections were not settled', {}, error))
  }, settleEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}

const lookEveryMs = 60_000

/** People who have signed in are asked after at their login issuer. A round that takes longer than a minute is the only one. */
function keepLooked({ signIn, log }: Upkeep): () => void {
  if (signIn === undefined) return () => undefined
  let round: Promise<void> | undefined
  const timer = setInterval(() => {
    round ??= signIn
      .upkeep()
      .catch((error: unknown) => log.warn('sign-ins were not looked after', {}, error))
      .finally(() => {
        round = undefined
      })
  }, lookEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}
