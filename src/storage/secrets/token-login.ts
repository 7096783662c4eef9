import { type Millis, millis } from '../../model/index.ts'
import { isCount, pick } from './json.ts'
import { createTimer } from './timer.ts'
import type { VaultAnswer } from './vault-client.ts'
import { loginRefused, missing, unavailable } from './vault-errors.ts'
import { type Login, type LoginDeps, renewalDelay, retryDelay } from './vault-login.ts'

/** A token from the configuration: renewed while the server lets it, and not replaceable from here. */
export function tokenLogin({ role, options, client, clock, random, log }: LoginDeps): Login {
  const timer = createTimer()
  const given = options.token
  if (given === undefined) throw missing(`vault.login (${role})`, 'no token is given')
  const token = given
  let endsAt: Millis | undefined
  let looking: Promise<void> | undefined

  const lookup = (): Promise<VaultAnswer> =>
    client.call({ method: 'GET', path: '/auth/token/lookup-self', token })

  function plan(life: unknown, renewable: unknown): void {
    const seconds = isCount(life) ? life : 0
    endsAt = seconds === 0 ? undefined : millis(clock.monotonic() + seconds * 1000)
    if (seconds > 0 && renewable === true) timer.after(renewalDelay(seconds, random), renew)
  }

  async function look(): Promise<void> {
    const { status, body } = await lookup()
    if (status === 200) plan(pick(body, 'data', 'ttl'), pick(body, 'data', 'renewable'))
  }

  async function renewSelf(): Promise<void> {
    const answer = await client.call({ method: 'POST', path: '/auth/token/renew-self', body: {}, token })
    if (answer.status !== 200) throw unavailable(answer)
    plan(pick(answer.body, 'auth', 'lease_duration'), pick(answer.body, 'auth', 'renewable'))
  }

  function renew(): void {
    renewSelf().catch((error: unknown) => {
      log.warn('vault.renewal_failed', { role }, error)
      if (endsAt !== undefined && clock.monotonic() < endsAt) timer.after(retryDelay(endsAt, clock), renew)
    })
  }

  return {
    async token() {
      // Its life matters for renewal only, so nobody waits; the request itself shows whether it is good.
      looking ??= look().catch(() => {
        looking = undefined
      })
      return token
    },
    async again() {
      const { status } = await lookup()
      if (status === 200) return undefined
      throw loginRefused(role, 'token', status)
    },
    async close() {
      timer.stop()
    },
  }
}
