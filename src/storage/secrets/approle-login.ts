import { type Millis, millis, Secret } from '../../model/index.ts'
import { isCount, isText, pick } from './json.ts'
import { createTimer } from './timer.ts'
import { isSealed, loginRefused, sealed, unavailable } from './vault-errors.ts'
import { type Login, type LoginDeps, renewalDelay, retryDelay } from './vault-login.ts'
import { VaultFailure } from './vault-transport.ts'

interface Held {
  readonly token: Secret
  /** 0 for a token that does not end. */
  readonly lifeSeconds: number
  readonly endsAt: Millis | undefined
}

/** After a new token was refused as well, the policy is what is short: no further logins for this long. */
const fruitlessMs = 10_000

/** One login by role id and secret id. The secret id must stay good, since this happens again and again. */
async function obtain({ role, options, client, clock }: LoginDeps): Promise<Held> {
  const startedAt = clock.monotonic()
  const request = {
    method: 'POST',
    path: `/auth/${options.mount}/login`,
    body: { role_id: options.role ?? '', secret_id: options.secret?.reveal() ?? '' },
  } as const
  const answer = await client.call(request).catch((error: unknown) => {
    throw error instanceof VaultFailure ? unavailable(error) : error
  })
  if (isSealed(answer)) throw sealed()
  if (answer.status >= 500 || answer.status === 429 || answer.status === 412) throw unavailable(answer)
  if (answer.status !== 200) throw loginRefused(role, 'approle', answer.status)
  const text = pick(answer.body, 'auth', 'client_token')
  const life = pick(answer.body, 'auth', 'lease_duration')
  if (!isText(text) || !isCount(life)) throw unavailable(new VaultFailure('foreign', 'NO_TOKEN'))
  return {
    token: new Secret(text, 'vault token'),
    lifeSeconds: life,
    endsAt: life === 0 ? undefined : millis(startedAt + life * 1000),
  }
}

export function appRoleLogin(deps: LoginDeps): Login {
  const { role, client, clock, random, log } = deps
  const timer = createTimer()
  let held: Held | undefined
  let underWay: Promise<Held> | undefined
  let lastTry: { readonly token: Secret; readonly at: Millis } | undefined

  async function once(): Promise<Held> {
    try {
      held = await obtain(deps)
      if (held.lifeSeconds > 0) timer.after(renewalDelay(held.lifeSeconds, random), renew)
      return held
    } finally {
      underWay = undefined
    }
  }

  function logIn(): Promise<Held> {
    underWay ??= once()
    return underWay
  }

  function renew(): void {
    logIn().catch((error: unknown) => {
      log.warn('vault.login_failed', { role }, error)
      timer.after(retryDelay(held?.endsAt, clock), renew)
    })
  }

  return {
    async token() {
      if (held !== undefined && (held.endsAt === undefined || clock.monotonic() < held.endsAt))
        return held.token
      return (await logIn()).token
    },
    async again(refused) {
      if (held !== undefined && held.token !== refused) return held.token
      const fruitless = lastTry?.token === refused && clock.monotonic() - lastTry.at < fruitlessMs
      if (fruitless) return undefined
      const { token } = await logIn()
      lastTry = { token, at: clock.monotonic() }
      return token
    },
    async close() {
      timer.stop()
      const token = held?.token
      held = undefined
      if (token === undefined) return
      await client.call({ method: 'POST', path: '/auth/token/revoke-self', token }).catch(() => undefined)
    },
  }
}
