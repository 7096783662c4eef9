import { type Clock, epoch, type GrantPlace, type ProviderAnswer, type Secret } from '../model/index.ts'
import type { Outbox, OutboxJob, Secrets } from '../storage/index.ts'
import type { Log } from '../telemetry/index.ts'

export interface OutboxDeps {
  readonly outbox: Outbox
  readonly secrets: Secrets
  readonly clock: Clock
  readonly log: Log
  readonly revokeAtProvider: (place: GrantPlace, sealed: Secret) => Promise<ProviderAnswer>
  /** Told of each final outcome, so that the receipt gets a further revision. */
  readonly settled: (job: OutboxJob, answer: ProviderAnswer) => Promise<void>
}

/**
 * Calls providers for what was sealed, until each has answered or its time is over. Jobs survive a restart: the row
 * is in the state, the token in the secret store, readable by the keeper only.
 */
export async function workOutbox(deps: OutboxDeps): Promise<void> {
  for (const job of await deps.outbox.due(deps.clock.now())) {
    try {
      await workJob(job, deps)
    } catch (error) {
      deps.log.warn(
        'a sealed revocation waits for its next try',
        { job: job.job, attempts: job.attempts },
        error,
      )
      await deps.outbox.put(postponed(job, deps.clock))
    }
  }
}

async function workJob(job: OutboxJob, deps: OutboxDeps): Promise<void> {
  const sealed = await deps.secrets.unseal(job.job, job.place.tenant)
  const late = deps.clock.now() >= job.until
  // What was sealed is kept until then and no longer.
  if (sealed === undefined) return finish(job, { outcome: late ? 'expired_first' : 'already_invalid' }, deps)
  const answer = await deps.revokeAtProvider(job.place, sealed)
  if (answer.outcome !== 'failed') return finish(job, answer, deps)
  if (deps.clock.now() >= job.until) return finish(job, { ...answer, outcome: 'expired_first' }, deps)
  await deps.outbox.put(postponed(job, deps.clock))
}

async function finish(job: OutboxJob, answer: ProviderAnswer, deps: OutboxDeps): Promise<void> {
  await deps.secrets.dropSealed(job.job, job.place.tenant)
  await deps.settled(job, answer)
  await deps.outbox.done(job.job)
}

/** 2 s, 4 s, 8 s … up to ten minutes. */
function postponed(job: OutboxJob, clock: Clock): OutboxJob {
  const pause = Math.min(600, 2 ** Math.min(job.attempts + 1, 10))
  return { ...job, attempts: job.attempts + 1, nextAt: epoch(Math.min(clock.now() + pause, job.until)) }
}
