import {
  epoch,
  type Grant,
  type GrantPlace,
  SallyportError,
  type Scope,
  type Seconds,
  type Session,
} from '../../model/index.ts'
import type { ExchangeDeps } from '../deps.ts'
import { loginRefresh, type LoginIssued } from '../flavours/login-refresh.ts'
import { createFlights, type Flight, type Flights } from '../flights.ts'
import type { RequestToken } from '../grant-request.ts'
import { isCode } from '../is-code.ts'
import type { KeepConnectionDeps } from '../keep-connection.ts'
import { connectionId, placeKey, registrationKey } from '../place.ts'
import type { Json } from '../providers/provider.ts'
import type { LiveGrant, RefreshTask } from '../refresh-claim.ts'
import type { Refresher } from '../refresh.ts'
import type { Registration } from '../registration.ts'
import { type Subject, type SubjectSource, type SubjectWanted, tokenClaims } from '../subject-source.ts'
import { keepLogin, type KeptLogin } from './keep-login.ts'
import { loginOwner, loginPlace } from './place.ts'

/** Whether the login issuer still knows a person, and what it says of them where it was asked. */
export type LoginCheck =
  | { readonly state: 'alive'; readonly claims?: Json }
  | { readonly state: 'ended' | 'unknown' }

/**
 * Login connections: what the login issuer gave for a person's sign-in, by which exchanges get their subject token after
 * the person has gone, and by which it is found out that the issuer does not know them any more.
 */
export interface Logins extends SubjectSource {
  keep(kept: KeptLogin): Promise<void>
  /** Asks the issuer, unless it was asked often a moment ago. Never throws. */
  check(session: Session): Promise<LoginCheck>
  bar(scope: Scope): number
}

export interface LoginsDeps extends KeepConnectionDeps, Pick<ExchangeDeps, 'gate' | 'sessionEnded'> {
  /** Our client at the login issuer; undefined where nobody is sent there. */
  readonly login: Registration | undefined
  readonly requestToken: RequestToken
  readonly refresher: Refresher
}

/** What is in force for a sign-in, and what the ID token beside it said if it was refreshed just now. */
interface Current {
  readonly grant: Grant
  readonly claims?: Json
}

/** However often a client comes, the issuer is asked after one sign-in no more often than this in a minute. */
const mostPerMinute = 10
/** In seconds. */
const minute = 60

export function createLogins(deps: LoginsDeps): Logins {
  const flights = createFlights<Current>(deps.gate)
  const inside = { ...deps, flights, isOften: countAsks(deps) }
  return {
    keep: async (kept) => {
      if (deps.login !== undefined) await keepLogin(kept, deps.login, deps)
    },
    subjectToken: (wanted) => subjectToken(wanted, inside),
    check: (session) => check(session, inside),
    bar: flights.bar,
  }
}

type Inside = LoginsDeps & {
  readonly flights: Flights<Current>
  /** Counts one more time that a sign-in is asked after: is it too often? */
  readonly isOften: (place: GrantPlace) => boolean
}

function countAsks({ clock }: Pick<LoginsDeps, 'clock'>): Inside['isOften'] {
  let since = clock.now()
  const asks = new Map<string, number>()
  return (place) => {
    if (clock.now() - since >= minute) {
      since = clock.now()
      asks.clear()
    }
    const key = placeKey(place)
    const count = (asks.get(key) ?? 0) + 1
    asks.set(key, count)
    return count > mostPerMinute
  }
}

/** @throws subject_expired, and then the session is over; secrets_*, exchange_*, cut */
async function subjectToken({ session, minLife }: SubjectWanted, inside: Inside): Promise<Subject> {
  try {
    const { grant } = await current(session, 'subject', (it) => lives(it, minLife, inside), inside)
    const { at: token, exp: expiresAt } = grant
    if (token === undefined || expiresAt === undefined) throw new SallyportError('reauth_required')
    const claims = tokenClaims(token) ?? { audiences: [], actors: [] }
    return { token, claims, expiresAt }
  } catch (error) {
    if (!isOver(error)) throw error
    inside.sessionEnded(session, 'its sign-in at the login issuer has ended')
    throw new SallyportError('subject_expired', {}, error)
  }
}

async function check(session: Session, inside: Inside): Promise<LoginCheck> {
  const { clock, log } = inside
  const isOften = inside.isOften(loginPlace(session))
  const isGood = ({ rt, obtained = epoch(0), exp = epoch(0) }: Grant): boolean => {
    const now = clock.now()
    return rt === undefined ? exp > now : isOften && now - obtained < minute
  }
  try {
    const { claims } = await current(session, 'check', isGood, inside)
    return { state: 'alive', ...(claims === undefined ? {} : { claims }) }
  } catch (error) {
    if (isOver(error)) return { state: 'ended' }
    log.warn('the login issuer could not be asked after a person', {}, error)
    return { state: 'unknown' }
  }
}

/** The issuer wants the person to sign in again, or there is nothing left to ask it with. */
const isOver = (error: unknown): boolean =>
  isCode(error, 'reauth_required', 'interaction_required', 'secrets_destroyed', 'connect_required')

const lives = ({ exp = epoch(0) }: Grant, minLife: Seconds, { clock }: Inside): boolean =>
  exp > clock.now() + minLife

/** What is kept of a sign-in, refreshed where it is not good enough; once, whoever asks. */
async function current(
  session: Session,
  purpose: 'check' | 'subject',
  isGood: (grant: Grant) => boolean,
  inside: Inside,
): Promise<Current> {
  const { flights, gate } = inside
  const place = loginPlace(session)
  const owner = loginOwner(place)
  const key = `${purpose} ${placeKey(place)}`
  return (
    flights.join(key) ??
    flights.start(key, { owner, rev: gate.applied }, async (flight) => {
      const waiting = await inside.refresher.settle({ place })
      if (waiting !== undefined && isGood(waiting)) return { grant: waiting }
      const stored = await inside.secrets.read(place)
      flight.still()
      if (stored?.grant === undefined) throw new SallyportError('connect_required')
      // Cut, but not destroyed yet.
      if (gate.check(owner, stored.grant.rev) !== undefined) throw new SallyportError('connect_required')
      return isGood(stored.grant) ? { grant: stored.grant } : refreshed(stored, { place, flight }, inside)
    })
  )
}

interface Refreshing {
  readonly place: GrantPlace
  readonly flight: Flight
}

async function refreshed(stored: LiveGrant, { place, flight }: Refreshing, inside: Inside): Promise<Current> {
  const { login: at, requestToken, audit } = inside
  const { rt, registration } = stored.grant
  // Another client of ours would be refused, and might end what the right one still has.
  if (at === undefined || rt === undefined || registration !== registrationKey(at))
    throw new SallyportError('reauth_required')
  let answer: LoginIssued | undefined
  const task: RefreshTask = {
    place,
    at,
    flight,
    async ask(refreshToken, _scopes, latest) {
      const { principal } = place
      answer = await requestToken(loginRefresh, { principal, refreshToken }, at, latest)
      return answer
    },
    narrow: () => Promise.reject(new SallyportError('exchange_response_refused', { field: 'aud' })),
  }
  const grant = await inside.refresher.refresh(task, stored)
  // Undefined where somebody else was quicker, and has recorded it.
  if (answer === undefined) return { grant }
  const { secret, scopes, identity } = answer
  await audit.note({
    kind: 'refresh',
    who: { principal: place.principal },
    downstream: place.downstream,
    rev: flight.rev,
    credential: audit.fingerprint(secret),
    result: 'done',
    details: { how: 'refresh', connection: connectionId(place), scopes },
  })
  return { grant, ...(identity === undefined ? {} : { claims: identity }) }
}
