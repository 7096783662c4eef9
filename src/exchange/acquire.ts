import {
  type Credential,
  epoch,
  type RecordEvent,
  SallyportError,
  type Seq,
  type Work,
} from '../model/index.ts'
import { ownershipOf } from './cache-key.ts'
import { readConnected } from './connected.ts'
import type { CredentialCache } from './credential-cache.ts'
import type { ExchangeDeps } from './deps.ts'
import type { Need } from './exchange.ts'
import { exchangeOnce, type Made } from './exchanged.ts'
import { clientCredentials } from './flavours/client-credentials.ts'
import type { Issued } from './flavours/flavour.ts'
import { fromConfiguration, type StaticForAll } from './flavours/static.ts'
import type { Flight, Flights } from './flights.ts'
import { type KeptGrantDeps, obtainKept } from './kept-grant.ts'
import { narrowed } from './narrow.ts'
import { ownerOf, workOf } from './owner.ts'
import { connectedPlace, connectionId, exchangePlace } from './place.ts'
import type { Refusals } from './refusals.ts'

export interface AcquireDeps extends KeptGrantDeps, ExchangeDeps {
  /** What a need's credential is cached under. */
  readonly keyOf: (need: Need) => string
  readonly cache: CredentialCache
  readonly flights: Flights<Credential>
  readonly refusals: Refusals
  /** Credentials of the configuration, made once for each. */
  readonly fixed: WeakMap<StaticForAll, Credential>
}

/** A credential is served until this many seconds before its end, or a tenth of its life, whichever is less. */
const margin = 30
/** A static secret is read from the store again after this many seconds. */
const staticLife = 900

function usableUntil({ obtainedAt, expiresAt }: Issued): number {
  if (expiresAt === undefined) return obtainedAt + staticLife
  return expiresAt - Math.min(margin, (expiresAt - obtainedAt) / 10)
}

/** The stored connection that a need's credential comes from, if its kind leaves one. */
function connectionOf(need: Need): string | undefined {
  const { credential: source } = need.downstream
  if (source.kind === 'exchange')
    return source.refresh ? connectionId(exchangePlace(need, source)) : undefined
  if (source.kind !== 'static' || source.per !== 'user') return undefined
  return connectionId(connectedPlace(need, need.access.session.principal))
}

/** Pinned to the origin of its downstream; whoever sends it elsewhere is refused there. */
function pinned(need: Need, issued: Issued, connection: string | undefined, deps: AcquireDeps): Credential {
  const { downstream, rev } = need
  const { credential: source, origin } = downstream
  return {
    secret: issued.secret,
    placement: source.kind === 'static' ? source.placement : { kind: 'bearer' },
    origin,
    rev,
    fingerprint: deps.audit.fingerprint(issued.secret),
    ...(issued.expiresAt === undefined ? {} : { expiresAt: issued.expiresAt }),
    ...(connection === undefined ? {} : { connection }),
  }
}

/** By kind of source. Each checks after every wait that nothing was barred meanwhile. */
async function make(
  need: Need,
  flight: Flight,
  refused: string | undefined,
  deps: AcquireDeps,
): Promise<Made> {
  const { downstream } = need
  const { credential: source } = downstream
  switch (source.kind) {
    case 'exchange': {
      const wanted = { need, source, flight, refused }
      return source.refresh ? obtainKept(wanted, deps) : exchangeOnce(wanted, deps)
    }
    case 'client-credentials': {
      const answer = await deps.requestToken(clientCredentials, { source, downstream }, source)
      flight.still()
      const ask = { source, downstream, principal: undefined }
      const issued = 'subject' in answer ? await narrowed(ask, answer, deps.requestToken) : answer
      flight.still()
      return { issued, how: 'client-credentials' }
    }
    case 'static':
      return source.per === 'user'
        ? readConnected(need, flight, deps)
        : { issued: fromConfiguration(source, deps.clock.now()), how: 'stored' }
  }
}

function eventOf(need: Need, rest: Partial<RecordEvent>): RecordEvent {
  const { access, server, downstream, rev } = need
  const { session, actor } = access
  return {
    kind: 'exchange',
    who: {
      principal: session.principal,
      client: session.client,
      server: server.name,
      sid: session.sid,
      ...(actor === undefined ? {} : { actor }),
    },
    downstream: downstream.name,
    rev,
    ...rest,
  }
}

function madeEvent(need: Need, made: Made, credential: Credential): RecordEvent {
  const { issued, how, connection } = made
  return eventOf(need, {
    kind: how === 'refresh' ? 'refresh' : 'exchange',
    credential: credential.fingerprint,
    result: 'done',
    details: {
      how,
      scopes: issued.scopes,
      ...(issued.expiresAt === undefined ? {} : { expires_at: issued.expiresAt }),
      ...(connection === undefined ? {} : { connection }),
    },
  })
}

/** A refused answer or subject is an event of its own; what never reached the provider is not. */
const recorded: ReadonlySet<string> = new Set([
  'exchange_subject_refused',
  'exchange_target_refused',
  'exchange_misconfigured',
  'exchange_unavailable',
  'exchange_response_refused',
  'token_delegation_refused',
  'interaction_required',
  'reauth_required',
])

async function noteFailure(need: Need, error: SallyportError, { audit, log }: AcquireDeps): Promise<void> {
  if (!recorded.has(error.code)) return
  const { field } = error.facts
  const details = field === undefined ? {} : { details: { field } }
  try {
    await audit.note(eventOf(need, { result: 'failed', reason: error.code, ...details }))
  } catch (failure) {
    log.error('a failed exchange could not be recorded', { downstream: need.downstream.name }, failure)
  }
}

/** One acquisition from its beginning to the cache: make, record, pin, keep. */
async function fill(key: string, need: Need, flight: Flight, deps: AcquireDeps): Promise<Credential> {
  try {
    const made = await make(need, flight, deps.refusals.of(key), deps)
    const credential = pinned(need, made.issued, made.connection, deps)
    await deps.audit.note(madeEvent(need, made, credential))
    flight.still()
    deps.cache.put(key, { credential, owner: flight.owner, usableUntil: epoch(usableUntil(made.issued)) })
    return credential
  } catch (error) {
    if (!(error instanceof SallyportError)) throw new SallyportError('internal', {}, error)
    await noteFailure(need, error, deps)
    throw new SallyportError(error.code, { ...error.facts, downstream: need.downstream.name }, error.cause)
  }
}

function checkGate(work: Work, rev: Seq, { gate }: AcquireDeps): void {
  const barred = gate.check(work, rev)
  if (barred !== undefined) throw new SallyportError(barred.reason)
}

/**
 * What is the system's or the person's own outlived every cut up to now, or it would have been dropped: it carries
 * the position of who asks. What came from a sign-in carries the position of its making.
 */
function stamped(need: Need, credential: Credential): Credential {
  const moves = need.downstream.credential.kind !== 'exchange' && credential.rev < need.rev
  return moves ? { ...credential, rev: need.rev } : credential
}

async function fly(key: string, need: Need, deps: AcquireDeps): Promise<Credential> {
  const connection = connectionOf(need)
  const work = workOf(need, connection)
  checkGate(work, need.rev, deps)
  const under = { owner: ownerOf(need, ownershipOf(need), connection), rev: need.rev }
  const credential = await (deps.flights.join(key) ??
    deps.flights.start(key, under, (flight) => fill(key, need, flight, deps)))
  checkGate(work, Math.min(need.rev, need.access.rev), deps)
  return stamped(need, credential)
}

function fixedCredential(need: Need, source: StaticForAll, deps: AcquireDeps): Credential {
  const present = deps.fixed.get(source)
  if (present !== undefined && present.rev === need.rev && present.origin === need.downstream.origin)
    return present
  const credential =
    present !== undefined && present.origin === need.downstream.origin
      ? { ...present, rev: need.rev }
      : pinned(need, fromConfiguration(source, deps.clock.now()), undefined, deps)
  deps.fixed.set(source, credential)
  return credential
}

/**
 * The one way to a credential, whatever its kind. From memory it is synchronous and does no I/O; otherwise one
 * flight per key asks, and everyone who waits is asked about once more before he gets anything.
 */
export function acquire(need: Need, deps: AcquireDeps): Credential | Promise<Credential> {
  const { credential: source } = need.downstream
  if (source.kind === 'static' && source.per === 'all') return fixedCredential(need, source, deps)
  const key = deps.keyOf(need)
  const cached = deps.cache.get(key, deps.clock.now())
  return cached === undefined ? fly(key, need, deps) : stamped(need, cached.credential)
}
