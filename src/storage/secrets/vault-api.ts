import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, SallyportError } from '../../model/index.ts'
import type { Role } from './backend.ts'
import type { RandomBytes } from './envelope.ts'
import type { VaultAnswer, VaultClient, VaultRequest } from './vault-client.ts'
import { denied, isSealed, says, sealed, unavailable } from './vault-errors.ts'
import type { Login } from './vault-login.ts'
import { VaultFailure } from './vault-transport.ts'

/** An answer that says something: 200, 400, 404 or 405. */
export interface Said extends VaultAnswer {
  /** An earlier attempt may have been carried out although no answer told so. */
  readonly uncertain: boolean
}

/** Requests of one login, repeated while that can help. */
export interface VaultApi {
  /** @throws secrets_unavailable, secrets_sealed, secrets_denied */
  request(request: Omit<VaultRequest, 'token'>): Promise<Said>
}

/** Whether the vault answered last time: while it does not, nobody waits for repetitions. */
export interface Outage {
  on: boolean
}

/** No repetition begins later than this after the first attempt: a cluster elects in less, most of the time. */
const patienceMs = 5000

/** 412: not replicated yet. 429: quota. 472, 473 and 5xx: this node cannot now. A fresh KV mount answers 400 while it upgrades. */
const passing = (answer: VaultAnswer): boolean =>
  answer.status >= 500 ||
  [412, 429, 472, 473].includes(answer.status) ||
  (answer.status === 400 && says(answer, /upgrading from non-versioned/i))

export function createVaultApi(deps: {
  readonly role: Role
  readonly client: VaultClient
  readonly login: Login
  readonly clock: Clock
  readonly random: RandomBytes
  readonly outage: Outage
}): VaultApi {
  const { role, client, login, clock, random, outage } = deps

  /** A growing bound of 100, 200 … 800 ms, of which up to half is left out by chance. */
  const delay = (attempt: number): number =>
    Math.round(100 * 2 ** Math.min(attempt, 3) * (1 - random(1).readUInt8(0) / 510))

  /** One attempt, and a second one with a new token where the first was refused. */
  async function attempt(request: Omit<VaultRequest, 'token'>): Promise<VaultAnswer | NoAnswer> {
    try {
      const token = await login.token()
      const answer = await client.call({ ...request, token })
      if (answer.status !== 403) return answer
      const fresh = await login.again(token)
      return fresh === undefined ? answer : await client.call({ ...request, token: fresh })
    } catch (error) {
      return noAnswer(error)
    }
  }

  return {
    async request(request) {
      const startedAt = clock.monotonic()
      let uncertain = false
      for (let round = 0; ; round += 1) {
        const answer = await attempt(request)
        const failed = 'error' in answer
        if (!failed) {
          if (isSealed(answer)) throw sealed()
          if (answer.status === 403) throw denied(role)
          if (!passing(answer)) {
            outage.on = false
            return { ...answer, uncertain }
          }
        }
        uncertain = true
        const wait = delay(round)
        const late = clock.monotonic() - startedAt + wait > patienceMs
        if (outage.on || late || (failed && !answer.passes)) {
          outage.on = true
          throw failed ? answer.error : unavailable(answer)
        }
        await pause(wait)
      }
    },
  }
}

/** A request, or the login before it, that came to no answer. `passes`: one may come soon. */
interface NoAnswer {
  readonly error: SallyportError
  readonly passes: boolean
}

/** A redirect or a foreign server stays what it is. @throws what is no failure to answer */
function noAnswer(error: unknown): NoAnswer {
  const failure = error instanceof SallyportError ? error.cause : error
  const passes = !(failure instanceof VaultFailure) || ['unreachable', 'timeout'].includes(failure.kind)
  if (error instanceof VaultFailure) return { error: unavailable(error), passes }
  if (error instanceof SallyportError && error.code === 'secrets_unavailable') return { error, passes }
  throw error
}
