import { type Credential, type Downstream, epoch, type RecordEvent, SallyportError } from '../model/index.ts'
import type { CredentialCache } from './credential-cache.ts'
import type { ExchangeDeps } from './deps.ts'
import type { Need } from './need.ts'
import type { Made } from './exchanged.ts'
import type { Issued } from './flavours/flavour.ts'
import type { Flight } from './flights.ts'
import type { Refusals } from './refusals.ts'

export interface FillDeps extends Pick<ExchangeDeps, 'audit' | 'clock' | 'log'> {
  readonly cache: CredentialCache
  readonly refusals: Refusals
}

/** A credential that is wanted under a key, and how it is made. */
export interface Filling {
  readonly key: string
  readonly need: Need
  readonly flight: Flight
  readonly make: (flight: Flight, refused: string | undefined) => Promise<Made>
}

/** A credential is served until this many seconds before its end, or a tenth of its life, whichever is less. */
const margin = 30
/** What does not end by itself is read from the store again after this many seconds. */
const endlessLife = 900

function usableUntil({ obtainedAt, expiresAt }: Issued): number {
  if (expiresAt === undefined) return obtainedAt + endlessLife
  return expiresAt - Math.min(margin, (expiresAt - obtainedAt) / 10)
}

/** Pinned to the origin of its downstream; whoever sends it elsewhere is refused there. */
export function pinned(
  { downstream, rev }: { readonly downstream: Downstream; readonly rev: number },
  issued: Issued,
  connection: string | undefined,
  { audit }: Pick<FillDeps, 'audit'>,
): Credential {
  const { credential: source, origin } = downstream
  return {
    secret: issued.secret,
    placement: source.kind === 'static' ? source.placement : { kind: 'bearer' },
    origin,
    rev,
    fingerprint: audit.fingerprint(issued.secret),
    ...(issued.expiresAt === undefined ? {} : { expiresAt: issued.expiresAt }),
    ...(connection === undefined ? {} : { connection }),
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

async function noteFailure(need: Need, error: SallyportError, { audit, log }: FillDeps): Promise<void> {
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
export async function fill({ key, need, flight, make }: Filling, deps: FillDeps): Promise<Credential> {
  try {
    const made = await make(flight, deps.refusals.of(key))
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
