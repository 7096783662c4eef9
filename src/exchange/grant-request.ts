import { setTimeout as wait } from 'node:timers/promises'
import { joinKey, type Millis, SallyportError } from '../model/index.ts'
import type { AuthorizationServers } from './authorization-server.ts'
import type { Registration } from './registration.ts'
import { classify } from './classify.ts'
import type { ExchangeDeps } from './deps.ts'
import type { Flavour, TokenAnswer } from './flavours/flavour.ts'

/**
 * Ask for a token by one flavour; no call begins after `latest`, by the monotonic clock.
 * @throws the exchange_* codes, interaction_required, reauth_required
 */
export type RequestToken = <Ask, Outcome>(
  flavour: Flavour<Ask, Outcome>,
  ask: Ask,
  at: Registration,
  latest?: Millis,
) => Promise<Outcome>

/** A provider that asks us to come back later than this is not waited for. */
const longestPause = 1
/** A provider may keep us away for at most this long, whatever it says. */
const longestCooldown = 300

export function createGrantRequests(
  servers: AuthorizationServers,
  deps: Pick<ExchangeDeps, 'clock' | 'random' | 'log'>,
): RequestToken {
  const { clock, random, log } = deps
  /** Until when a client of ours stays away from its server, because the server asked for it. */
  const cooldowns = new Map<string, Millis>()

  function checkCooldown(key: string): void {
    const until = cooldowns.get(key)
    if (until === undefined) return
    const left = Math.ceil((until - clock.monotonic()) / 1000)
    if (left > 0) throw new SallyportError('exchange_unavailable', { retryAfter: left })
    cooldowns.delete(key)
  }

  /** One call, and one more after a failure that may pass; a pause in between, with jitter. */
  return async (flavour, ask, at, latest) => {
    const request = flavour.prepare(ask)
    const key = joinKey(at.issuer, at.client.id)
    for (let attempt = 1; ; attempt++) {
      checkCooldown(key)
      let answer: TokenAnswer
      try {
        answer = await servers.token(at, request, latest)
      } catch (error) {
        const failure = classify(error, flavour.grant, clock.now())
        const { retryAfter } = failure
        log.warn(
          'a token request failed',
          { grant: flavour.grant, issuer: at.issuer, class: failure.class, attempt },
          error,
        )
        if (retryAfter !== undefined && retryAfter > longestPause) {
          cooldowns.set(key, (clock.monotonic() + Math.min(retryAfter, longestCooldown) * 1000) as Millis)
        } else if (failure.class === 'transient' && attempt === 1) {
          await wait((retryAfter ?? 0) * 1000 + 50 + (random(1)[0] ?? 0))
          continue
        }
        throw new SallyportError(failure.code, retryAfter === undefined ? {} : { retryAfter }, error)
      }
      return flavour.interpret(ask, answer, clock.now())
    }
  }
}
