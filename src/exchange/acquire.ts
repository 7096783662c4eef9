import {
  asSallyportError,
  type Credential,
  joinKey,
  linkedSourceOf,
  SallyportError,
  type Seq,
  type Work,
} from '../model/index.ts'
import { ownershipOf } from './cache-key.ts'
import { askedFor } from './connect/step-up.ts'
import { readConnected } from './connected.ts'
import type { ExchangeDeps } from './deps.ts'
import type { Need } from './need.ts'
import { exchangeOnce, type Made } from './exchanged.ts'
import { fill, type FillDeps, pinned } from './fill.ts'
import { clientCredentials } from './flavours/client-credentials.ts'
import { installationToken } from './flavours/installation.ts'
import { fromConfiguration, type StaticForAll } from './flavours/static.ts'
import type { Flight, Flights } from './flights.ts'
import { isCode } from './is-code.ts'
import { type KeptGrantDeps, obtainKept } from './kept-grant.ts'
import { type LinkedDeps, obtainLinked } from './linked.ts'
import { findLink, type Link } from './links.ts'
import { narrowed } from './narrow.ts'
import { ownerOf, workOf } from './owner.ts'
import { connectionId, exchangePlace } from './place.ts'

export interface AcquireDeps extends ExchangeDeps, KeptGrantDeps, LinkedDeps, FillDeps {
  /** What a need's credential is cached under. */
  readonly keyOf: (need: Need) => string
  readonly flights: Flights<Credential>
  /** Credentials of the configuration, made once for each. */
  readonly fixed: WeakMap<StaticForAll, Credential>
}

/** The stored connection that a need's credential comes from, if its kind leaves one. */
function connectionOf(need: Need): string | undefined {
  const { credential: source } = need.downstream
  if (source.kind !== 'exchange' || !source.refresh) return undefined
  return connectionId(exchangePlace(need, source))
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
    case 'github-app': {
      const issued = await installationToken(source, { fetch: deps.fetch, now: deps.clock.now })
      flight.still()
      return { issued, how: 'client-credentials' }
    }
    case 'linked':
    case 'static':
      throw new SallyportError('internal')
  }
}

/** What a person linked or put in, from its place. */
async function makeLinked(
  { need, link }: { readonly need: Need; readonly link: Link },
  flight: Flight,
  refused: string | undefined,
  deps: AcquireDeps,
): Promise<Made> {
  const { credential: source } = need.downstream
  const { place } = link.connection
  if (source.kind === 'static') return readConnected(place, flight, deps)
  return obtainLinked({ need, place, flight, refused }, deps)
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
    deps.flights.start(key, under, (flight) =>
      fill({ key, need, flight, make: (...[it, refused]) => make(need, it, refused, deps) }, deps),
    ))
  checkGate(work, Math.min(need.rev, need.access.rev), deps)
  return stamped(need, credential)
}

/** What a connection's credential is cached under, for all clients that may use it. */
export function connectionKey({ server, downstream }: Need, connection: string): string {
  return joinKey('connection', connection, server.name, downstream.name, downstream.origin)
}

/**
 * A person's own account or secret: one for all clients, each of which has to be agreed to. What a client gets says by
 * which consent, and is dropped with it.
 */
async function flyLinked(key: string, need: Need, deps: AcquireDeps): Promise<Credential> {
  checkGate(workOf(need), need.rev, deps)
  const link = await findLink(need, deps)
  const { id } = link.connection
  const consent = link.consent === undefined ? {} : { consent: link.consent }
  const work = { ...workOf(need, id), ...consent }
  checkGate(work, need.rev, deps)
  // Servers of one vault group share an account: it ends with the one at which it was linked, not with each of them.
  const here = ownerOf(need, 'principal', id)
  const owner = { ...here, server: link.connection.server }
  const shared = connectionKey(need, id)
  const under = { owner, rev: need.rev }
  const credential =
    deps.cache.get(shared, deps.clock.now())?.credential ??
    (await (deps.flights.join(shared) ??
      deps.flights.start(shared, under, (flight) =>
        fill(
          {
            key: shared,
            need,
            flight,
            make: (...[it, refused]) => makeLinked({ need, link }, it, refused, deps),
          },
          deps,
        ),
      )))
  checkGate(work, Math.min(need.rev, need.access.rev), deps)
  const asked = askedFor(need.downstream.credential, link.connection)
  const mine = { ...stamped(need, credential), ...consent, ...(asked === undefined ? {} : { asked }) }
  const kept = deps.cache.get(shared, deps.clock.now())
  if (kept?.credential === credential) {
    const { client } = need.access.session
    deps.cache.put(key, { ...kept, credential: mine, owner: { ...here, client, ...consent } })
  }
  return mine
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
  if (cached !== undefined) return stamped(need, cached.credential)
  if (source.kind === 'exchange' && linkedSourceOf(need.downstream) !== undefined)
    return flyOrAsk(key, need, deps)
  if (source.kind !== 'linked' && source.kind !== 'static') return fly(key, need, deps)
  return named(flyLinked(key, need, deps), need)
}

async function named(flying: Promise<Credential>, need: Need): Promise<Credential> {
  try {
    return await flying
  } catch (error) {
    const known = asSallyportError(error)
    throw new SallyportError(known.code, { ...known.facts, downstream: need.downstream.name }, known.cause)
  }
}

/** What is not exchanged without the person is served from what he agreed to there, or asked for. @throws connect_required */
async function flyOrAsk(key: string, need: Need, deps: AcquireDeps): Promise<Credential> {
  try {
    return await fly(key, need, deps)
  } catch (error) {
    if (!isCode(error, 'interaction_required')) throw error
    return named(flyLinked(key, need, deps), need)
  }
}
