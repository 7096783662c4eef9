import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { type Clock, epoch, SallyportError } from '../../model/index.ts'
import type { Seal, Tickets } from '../../storage/index.ts'
import { type CookieTerms, cookieName, readCookies, setCookie } from '../browser/cookies.ts'
import type { LoginHow, RoundTrip } from './openid.ts'

/** How long a login may take, in seconds. */
const life = 600
/** How many may be under way in one browser; the oldest is forgotten. */
const mostAtOnce = 3

/** A login that was begun, and where it leads back to. */
export interface Flow extends RoundTrip {
  /** A path of our own. */
  readonly to: string
  readonly how: LoginHow
  /** Seconds since the epoch. */
  readonly at: number
}

/**
 * Logins under way. All of one stands sealed in a cookie of the browser that began it, so that no other browser can finish
 * it, and whoever only begins them costs us nothing that is kept.
 */
export interface Flows {
  begin(asked: Pick<Flow, 'to' | 'how'>, request: FastifyRequest): Begun
  /** The one that an answer with this `state` belongs to. @throws login_state_refused */
  of(request: FastifyRequest, state: string | undefined): Flow
  /** Good for one person: a second time is refused. @throws login_state_refused */
  end(flow: Flow): Promise<void>
  /** The cookie that takes it from the browser. */
  forget(flow: Flow): string
}

interface Begun {
  readonly flow: Flow
  readonly cookies: readonly string[]
}

export interface FlowDeps {
  readonly seal: Seal
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly tickets: Pick<Tickets, 'put'>
}

const kind = 'login'

export function createFlows(terms: CookieTerms, { seal, clock, random, tickets }: FlowDeps): Flows {
  const prefix = cookieName('sallyport-login-', terms)
  const nameOf = (state: string): string => prefix + state.slice(0, 8)
  const token = (): string => Buffer.from(random(32)).toString('base64url')
  const remove = (name: string): string => setCookie(name, '', { ...terms, maxAge: 0 })
  return {
    begin: ({ to, how }, request) => {
      const flow: Flow = { state: token(), nonce: token(), verifier: token(), to, how, at: clock.now() }
      const others = [...readCookies(request.headers.cookie).keys()].filter((name) => name.startsWith(prefix))
      const forgotten = others.slice(0, Math.max(0, others.length + 1 - mostAtOnce)).map(remove)
      const value = setCookie(nameOf(flow.state), seal.close(JSON.stringify(flow)), {
        ...terms,
        maxAge: life,
      })
      return { flow, cookies: [...forgotten, value] }
    },
    of: (request, state = '') => {
      const cookie = readCookies(request.headers.cookie).get(nameOf(state))
      const text = cookie === undefined ? undefined : seal.open(cookie)
      const flow = text === undefined ? undefined : (JSON.parse(text) as Flow)
      if (flow?.state !== state || flow.at + life <= clock.now())
        throw new SallyportError('login_state_refused')
      return flow
    },
    end: async ({ state, at }) => {
      const id = createHash('sha256').update(state).digest('base64url')
      const first = await tickets.put({ kind, id, expiresAt: epoch(at + life), value: '{}' }, clock.now())
      if (!first) throw new SallyportError('login_state_refused')
    },
    forget: ({ state }) => remove(nameOf(state)),
  }
}
