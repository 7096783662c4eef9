import type { FastifyRequest } from 'fastify'
import type { Audit } from '../../audit/index.ts'
import {
  type Barred,
  type Clock,
  epoch,
  type EpochSeconds,
  type Gate,
  SallyportError,
  type Visitor,
  type Work,
} from '../../model/index.ts'
import type { Seal } from '../../storage/index.ts'
import type { LoginClaims } from '../../identity/index.ts'
import { type Answer, redirectAnswer, withCookies } from '../browser/answer.ts'
import { type Visitors, workOf } from '../browser/visitors.ts'
import type { Flow, Flows } from './flows.ts'
import type { LoginHow, LoginTokens, Upstream } from './openid.ts'
import { personOf } from './person.ts'

/** The IdP, or the sign-in that dev has in place of one. */
export type LoginWay =
  | { readonly kind: 'openid'; readonly upstream: Upstream }
  | { readonly kind: 'built-in'; readonly people: readonly DevPerson[] }

export interface DevPerson {
  readonly name: string
  readonly groups: readonly string[]
}

/** Sends people to sign in, and knows who comes back. */
export interface Logins {
  /** Sends the browser to sign in. It comes back to `to`, a path of our own. @throws request_malformed, idp_unavailable, idp_metadata_refused */
  ask(request: FastifyRequest, to: string, how?: LoginHow): Promise<Answer>
  /** A path of our own that does the same, for a link: good for ten minutes. */
  linkTo(to: string, how?: LoginHow): string
  /** `GET /login/begin?to=…`. */
  begin(request: FastifyRequest): Promise<Answer>
  /** `GET /login/callback`. @throws login_state_refused, login_failed, … */
  callback(request: FastifyRequest): Promise<Answer>
  /** The person of dev who pressed a button. */
  choose(request: FastifyRequest, chosen: Chosen): Promise<Answer>
}

export interface Chosen {
  readonly state: string | undefined
  readonly user: string | undefined
}

export interface LoginSlice {
  /** Scheme, host and port at which people are to be, and the path in front of ours. */
  readonly url: string
  readonly tenant: string
  readonly issuer: string
  readonly login: LoginClaims
}

export interface LoginDeps {
  readonly way: LoginWay
  readonly flows: Flows
  readonly visitors: Visitors
  readonly links: Seal
  readonly clock: Clock
  readonly gate: Gate
  readonly signInAllowed: (work: Work, signedInAt: EpochSeconds) => Barred | undefined
  /** Keeps what the IdP gave, as the person's login connection. */
  readonly keepLogin: (kept: { readonly visitor: Visitor; readonly tokens: LoginTokens }) => Promise<void>
  readonly audit: Pick<Audit, 'note'>
}

/** The longest path that a login leads back to, in characters: it goes through a cookie. */
const longestWay = 2_300
const linkLife = 600

/** A path of our own: nothing that a browser could take for another host (`//`, `/\`). */
const ownPath = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/

export function createLogins(slice: LoginSlice, deps: LoginDeps): Logins {
  const inside: Inside = { ...slice, ...deps }
  return {
    ask: async (request, to, how = 'usual') => {
      if (!ownPath.test(to) || to.length > longestWay)
        throw new SallyportError('request_malformed', { hint: 'The request is too long.' })
      // Cookies are one host's: where people are somewhere else, they begin over there.
      if (request.headers.host?.toLowerCase() !== new URL(slice.url).host)
        return redirectAnswer(slice.url + linkTo({ to, how }, inside))
      return start({ to, how }, request, inside)
    },
    linkTo: (to, how = 'usual') => linkTo({ to, how }, inside),
    begin: async (request) => {
      const asked = openLink(new URLSearchParams(queryOf(request)).get('to'), inside)
      return start(asked, request, inside)
    },
    callback: (request) => callback(request, inside),
    choose: (request, chosen) => choose(chosen, request, inside),
  }
}

type Inside = LoginSlice & LoginDeps

type Asked = Pick<Flow, 'to' | 'how'>

const queryOf = ({ url }: FastifyRequest): string =>
  url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''

function linkTo(asked: Asked, { links, clock }: Inside): string {
  return `/login/begin?to=${links.close(JSON.stringify({ ...asked, until: clock.now() + linkLife }))}`
}

function openLink(sealed: string | null, { links, clock }: Inside): Asked {
  const text = links.open(sealed ?? '')
  const link = text === undefined ? undefined : (JSON.parse(text) as Asked & { readonly until: number })
  if (link === undefined || link.until <= clock.now()) throw new SallyportError('login_state_refused')
  return link
}

async function start(asked: Asked, request: FastifyRequest, { way, flows, url }: Inside): Promise<Answer> {
  const { flow, cookies } = flows.begin(asked, request)
  if (way.kind === 'built-in')
    return withCookies(redirectAnswer(`${url}/login/dev?state=${flow.state}`), ...cookies)
  const there = await way.upstream.begin(flow, asked.how)
  return withCookies(redirectAnswer(there.href), ...cookies)
}

async function callback(request: FastifyRequest, inside: Inside): Promise<Answer> {
  const { way, flows, url } = inside
  const answered = new URL(`${url}/login/callback?${queryOf(request)}`)
  const flow = flows.of(request, answered.searchParams.get('state') ?? undefined)
  if (way.kind !== 'openid') throw new SallyportError('not_found')
  const { claims, tokens } = await way.upstream.finish(answered, flow)
  return enter({ claims, tokens, flow, request }, inside)
}

async function choose({ state, user }: Chosen, request: FastifyRequest, inside: Inside): Promise<Answer> {
  const { way, flows, clock } = inside
  const flow = flows.of(request, state)
  const person = way.kind === 'built-in' ? way.people.find(({ name }) => name === user) : undefined
  if (person === undefined) throw new SallyportError('request_malformed')
  const now = clock.now()
  // A session of its own, as an IdP would have one for this browser.
  const claims = {
    sub: person.name,
    name: person.name,
    iat: now,
    auth_time: now,
    sid: flow.nonce,
    [inside.login.groupsClaim]: person.groups,
  }
  return enter({ claims, tokens: undefined, flow, request }, inside)
}

interface Entering {
  readonly claims: Readonly<Record<string, unknown>>
  readonly tokens: LoginTokens | undefined
  readonly flow: Flow
  readonly request: FastifyRequest
}

/** The person is let in, if nothing that was cut since they signed in reaches them, and leaves for where they came from. */
async function enter({ claims, tokens, flow, request }: Entering, inside: Inside): Promise<Answer> {
  const { flows, visitors, clock, gate, tenant, issuer, login } = inside
  const visitor = personOf(claims, { tenant, issuer, login, now: clock.now(), rev: gate.applied })
  // Entra does not say by itself when somebody signed in: then any time, unless they have just been asked to.
  const isTold = visitor.authTimeFrom === 'auth_time' || flow.how === 'fresh'
  const barred = barredAs(isTold ? visitor : { ...visitor, authTime: epoch(0) }, inside)
  // The IdP remembers a sign-in that is older than the cut: there it has to be made anew.
  if (barred === 'sign_in_too_old' && flow.how !== 'fresh')
    return withCookies(await start({ to: flow.to, how: 'fresh' }, request, inside), flows.forget(flow))
  await flows.end(flow)
  await note(visitor, request, barred ?? 'allowed', inside)
  if (barred !== undefined) throw new SallyportError(barred)
  if (tokens !== undefined) await inside.keepLogin({ visitor, tokens })
  const there = redirectAnswer(inside.url + flow.to, 303)
  return withCookies(there, flows.forget(flow), ...visitors.welcome(visitor))
}

type Refused = 'sign_in_too_old' | Exclude<Barred['reason'], 'cut'>

function barredAs(visitor: Visitor, { gate, signInAllowed }: Inside): Refused | undefined {
  const work = workOf(visitor)
  const barred = gate.check(work, visitor.rev) ?? signInAllowed(work, visitor.authTime)
  return barred?.reason === 'cut' ? 'sign_in_too_old' : barred?.reason
}

async function note(
  { principal, authTime, idpSid, rev }: Visitor,
  { id }: FastifyRequest,
  reason: Refused | 'allowed',
  { audit }: Inside,
): Promise<void> {
  await audit.note({
    kind: 'sign-in',
    request: id,
    who: { principal },
    decision: reason === 'allowed' ? 'allow' : 'deny',
    reason,
    rev,
    details: {
      at: principal.issuer,
      auth_time: authTime,
      ...(idpSid === undefined ? {} : { idp_sid: idpSid }),
    },
  })
}
