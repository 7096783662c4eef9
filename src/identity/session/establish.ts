import type { Audit } from '../../audit/index.ts'
import {
  type Access,
  type Actor,
  actorDepth,
  type Barred,
  type Clock,
  type Decision,
  type Downstream,
  type EpochSeconds,
  epoch,
  type Facts,
  factsOfSession,
  type Gate,
  maxActorDepth,
  type RecordEvent,
  recordWho,
  SallyportError,
  type Seconds,
  type Secret,
  type Server,
  type Session,
  type Work,
} from '../../model/index.ts'
import type { Sessions } from '../../storage/index.ts'
import { serverActor } from '../delegation.ts'
import type { VerifiedSubject } from '../identity.ts'
import { sessionId } from './sid.ts'
import type { SessionTable } from './table.ts'

/** No session token lives longer, whatever is configured (design §4). In seconds. */
const maxSessionLifetime = 900

export interface EstablishOptions {
  readonly url: string
  readonly lifetime: Seconds
  readonly downstreams: readonly Downstream[]
}

export interface EstablishDeps {
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly sidKey: Secret<Uint8Array>
  /** The policy: which of these downstreams may a token of this principal at this server name? */
  readonly admit: (facts: Facts, downstreams: readonly string[]) => Decision<readonly string[]>
  readonly gate: Gate
  /** The log's word on a sign-in of this time: it has to be newer than every cut that covers the work. */
  readonly signInAllowed: (work: Work, signedInAt: EpochSeconds) => Barred | undefined
  /** Hand the subject token to the exchange, which keeps it in memory. */
  readonly hand: (session: Session, token: Secret, expiresAt: EpochSeconds) => void
  readonly sessions: Pick<Sessions, 'put'>
  readonly table: SessionTable
  readonly audit: Pick<Audit, 'note'>
}

export interface EstablishInput {
  readonly subject: VerifiedSubject
  readonly server: Server
  /** Names of downstreams asked for; undefined for all that the policy admits. */
  readonly asked: readonly string[] | undefined
  readonly scopes: readonly string[]
  readonly request?: string
  /** What the caller shows from here on. A session token ends by itself; with the others the session ends as they do. */
  readonly bearer: 'session token' | 'subject token' | 'access token'
  /** Until when further tokens of the session may come, where that is later. */
  readonly keptUntil?: EpochSeconds
  /** The grant that it is made by, for the record. */
  readonly grant?: string
}

/**
 * Make (or find again) the session of a verified subject at a server. `seal` turns the access into what the caller
 * gets, such as a signed token; it runs in the same synchronous step as the last look at the log, and what it
 * returns leaves only after the session and the record of it are written and the log has been looked at once more.
 * @throws the reason of a denial, target_refused, token_delegation_refused, sign_in_too_old, cut, held,
 * switched_off, lease_lapsed, token_expired, record_unavailable, state_unavailable
 */
export async function establish<T>(
  input: EstablishInput,
  seal: (access: Access, now: EpochSeconds) => T,
  options: EstablishOptions,
  deps: EstablishDeps,
): Promise<T> {
  const audiences = admitted(input, options, deps)
  const actor = chain(input, options.url)
  const { access, sealed, work } = begin(input, { audiences, actor, options, seal }, deps)
  await deps.sessions.put(access.session, input.keptUntil ?? input.subject.expiresAt)
  await deps.audit.note(minted(access, input))
  const barred = deps.gate.check(work, access.rev)
  if (barred !== undefined) throw barredError(barred)
  return sealed
}

/** The server's own resource and those of the admitted downstreams. All that was asked for, or nothing. */
function admitted(input: EstablishInput, options: EstablishOptions, deps: EstablishDeps): readonly string[] {
  const { subject, server } = input
  const asked = input.asked ?? options.downstreams.map(({ name }) => name)
  const decision = deps.admit(factsOfSession({ ...subject, server: server.name }), asked)
  if (decision.effect === 'deny') throw new SallyportError(decision.reason, { rule: decision.rule })
  const allowed = new Set(decision.permit)
  if (input.asked?.some((name) => !allowed.has(name)) === true) throw new SallyportError('target_refused')
  const resources = options.downstreams
    .filter(({ name }) => allowed.has(name))
    .map(({ resource }) => resource)
  return [...new Set([server.resource, ...resources])]
}

/** The server acts, before whoever acted already: a chain is lengthened and never dropped. */
function chain({ subject, server }: EstablishInput, url: string): Actor {
  const actor = serverActor(server, url, subject.actor)
  if (actorDepth(actor) > maxActorDepth) throw new SallyportError('token_delegation_refused')
  return actor
}

interface Beginning<T> {
  readonly audiences: readonly string[]
  readonly actor: Actor
  readonly options: EstablishOptions
  readonly seal: (access: Access, now: EpochSeconds) => T
}

/** One synchronous step: nothing can be cut between the look at the log and the signature. */
function begin<T>(
  input: EstablishInput,
  { audiences, actor, options, seal }: Beginning<T>,
  deps: EstablishDeps,
): { readonly access: Access; readonly sealed: T; readonly work: Work } {
  const { subject, server } = input
  const { principal, client, registration, idpSid, groups, groupsComplete, workflow, subjectFrom } = subject
  const now = deps.clock.now()
  const rev = deps.gate.applied
  const work = checkedWork(subject, server, deps)
  const { sid } = work
  const authTime = authTimeOf(subject)
  const shorter = input.bearer === 'session token'
  const expiresAt = shorter ? sessionExpiry(subject, now, options) : subject.expiresAt
  if (expiresAt <= now) throw new SallyportError('token_expired')
  const session = deps.table.keep(
    {
      sid,
      principal,
      client,
      ...(registration === undefined || registration === client ? {} : { registration }),
      server: server.name,
      ...(idpSid === undefined ? {} : { idpSid }),
      authTime,
      authTimeFrom: subject.authTimeFrom ?? (subject.authTime === undefined ? 'iat' : 'auth_time'),
      groups,
      groupsComplete,
      ...(workflow === undefined ? {} : { workflow }),
      ...(subjectFrom === undefined ? {} : { subjectFrom }),
      rev,
    },
    subject.issuedAt,
    expiresAt,
  )
  const jti = Buffer.from(deps.random(16)).toString('base64url')
  const access: Access = { session, actor, audiences, scopes: input.scopes, jti, expiresAt, rev }
  const sealed = seal(access, now)
  if (subject.token !== undefined) deps.hand(session, subject.token, subject.expiresAt)
  return { access, sealed, work }
}

const authTimeOf = ({ authTime, issuedAt }: VerifiedSubject): EpochSeconds => authTime ?? issuedAt

/**
 * The work that a sign-in is for, if the log lets it begin now. Synchronous.
 * @throws sign_in_too_old, cut, held, switched_off, lease_lapsed
 */
export function checkedWork(
  subject: VerifiedSubject,
  server: Server,
  deps: Pick<EstablishDeps, 'gate' | 'sidKey' | 'signInAllowed'>,
): Work {
  const { principal, client, registration = client, idpSid } = subject
  const sid = sessionId({ principal, client: registration, server: server.name, idpSid }, deps.sidKey)
  const work: Work = { principal, client, server: server.name, sid }
  const barred = deps.gate.check(work, deps.gate.applied)
  if (barred !== undefined) throw barredError(barred)
  const tooOld = deps.signInAllowed(work, authTimeOf(subject))
  if (tooOld !== undefined)
    throw tooOld.reason === 'cut' ? new SallyportError('sign_in_too_old') : barredError(tooOld)
  return work
}

/** Never beyond the subject token's own end, so that a chain of exchanges gains nobody time. */
function sessionExpiry(
  subject: VerifiedSubject,
  now: EpochSeconds,
  { lifetime }: EstablishOptions,
): EpochSeconds {
  return epoch(Math.min(now + Math.min(lifetime, maxSessionLifetime), subject.expiresAt))
}

/** What the log says, as the failure that the caller sees. */
export function barredError(barred: Barred): SallyportError {
  return new SallyportError(barred.reason)
}

function minted(access: Access, input: EstablishInput): RecordEvent {
  return {
    kind: 'mint',
    ...(input.request === undefined ? {} : { request: input.request }),
    who: recordWho(access),
    decision: 'allow',
    reason: 'allowed',
    rev: access.rev,
    details: {
      audiences: access.audiences,
      scope: access.scopes.join(' '),
      expires_at: access.expiresAt,
      bearer: input.bearer,
      ...(input.grant === undefined ? {} : { grant: input.grant }),
    },
  }
}
