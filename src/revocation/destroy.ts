import { hash } from 'node:crypto'
import {
  type Clock,
  type Connection,
  type EpochSeconds,
  epoch,
  type LogEntry,
  principalKey,
  type ReceiptConnection,
  type Scope,
  SallyportError,
  type Secret,
  type StoredGrant,
} from '../model/index.ts'
import type { Audit } from '../audit/index.ts'
import { revocableOf } from '../exchange/index.ts'
import type { ConnectionIndex, Outbox, OutboxJob, Secrets } from '../storage/index.ts'
import type { Log } from '../telemetry/index.ts'

export interface DestroyDeps {
  readonly secrets: Secrets
  readonly connections: ConnectionIndex
  readonly outbox: Outbox
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
}

/** What a person put in has no provider that could be asked. */
const keyRemains = 'The key itself is still good: end it at the service that gave it.'

/** How long sealed tokens may wait for their provider. */
const sealedForSeconds = 24 * 3600

/**
 * Destroys one connection after the fence (revocation protocol, line 10): its tokens are sealed to the outbox
 * for the provider's revocation, then a tombstone takes the grant's place and older versions are destroyed.
 * Sealing comes first so that a crash between the two loses neither. The provider is called afterwards, from the
 * outbox, so that a slow provider never delays the destruction.
 */
export async function destroyConnection(
  connection: Connection,
  cut: { readonly entry: LogEntry; readonly cause: string },
  deps: DestroyDeps,
): Promise<ReceiptConnection> {
  const { place, id } = connection
  const tomb = { at: deps.clock.now(), rev: cut.entry.seq, cause: cut.cause }
  const sealed = await sealTokens(connection, cut.entry, deps)
  await deps.secrets.destroy(place, tomb)
  await deps.connections.markDestroyed(place.tenant, id, tomb)
  await noteRevoked(connection, cut.entry, deps)
  return {
    id,
    downstream: place.downstream,
    store: sealed === undefined ? 'destroyed' : 'sealed-for-retry',
    ...(sealed === undefined ? {} : { sealedUntil: sealed }),
    provider: sealed === undefined ? 'unsupported' : 'pending',
    ...(connection.kind === 'static' ? { remains: keyRemains } : {}),
  }
}

async function sealTokens(connection: Connection, entry: LogEntry, deps: DestroyDeps) {
  const { place, id } = connection
  const tokens = revocableOf(connection.kind, (await readOrLost(connection, deps))?.grant)
  if (tokens === undefined) return undefined
  const job = hash('sha256', `${entry.id}\n${id}`, 'hex').slice(0, 32)
  return sealForProvider(tokens, { job, revocation: entry.id, connection: id, place }, deps)
}

/** Seals tokens to the outbox, from which its provider is called at once. Says until when it waits there. */
export async function sealForProvider(
  tokens: Secret,
  job: Pick<OutboxJob, 'job' | 'revocation' | 'connection' | 'place'>,
  { clock, secrets, outbox }: Pick<DestroyDeps, 'clock' | 'secrets' | 'outbox'>,
): Promise<EpochSeconds> {
  const until = epoch(clock.now() + sealedForSeconds)
  await secrets.seal(job.job, job.place.tenant, tokens, until)
  await outbox.put({ ...job, attempts: 0, nextAt: clock.now(), until })
  return until
}

/** A grant that cannot be read any more (its key is gone) needs no provider call, but still its tombstone. */
async function readOrLost(connection: Connection, deps: DestroyDeps): Promise<StoredGrant | undefined> {
  try {
    return await deps.secrets.read(connection.place)
  } catch (error) {
    const lost =
      error instanceof SallyportError && ['secrets_corrupt', 'secrets_destroyed'].includes(error.code)
    if (!lost) throw error
    deps.log.warn('a grant that is being destroyed could not be read', { connection: connection.id }, error)
    return undefined
  }
}

/**
 * Destroys the data keys of the principals whose last connection of a vault group has gone: from here on every copy
 * of their ciphertext is useless. Only a scope that reaches the whole principal does this.
 */
export async function destroyKeys(
  scope: Scope,
  destroyed: readonly Connection[],
  cut: { readonly entry: LogEntry; readonly cause: string },
  deps: DestroyDeps,
): Promise<void> {
  if (scope.kind !== 'user' && scope.kind !== 'tenant') return
  const seen = new Set<string>()
  for (const { place } of destroyed) {
    const key = `${place.group}\n${principalKey(place.principal)}`
    if (seen.has(key)) continue
    seen.add(key)
    const rest = await deps.connections.list(place.tenant, { kind: 'user', principal: place.principal })
    if (rest.some((it) => it.status === 'active' && it.place.group === place.group)) continue
    const tomb = { at: deps.clock.now(), rev: cut.entry.seq, cause: cut.cause }
    await deps.secrets.destroyKey(place.tenant, place.group, place.principal, tomb)
  }
}

/** The cut is already durable: a record that cannot be written now is reported, it does not stop the destruction. */
async function noteRevoked(connection: Connection, entry: LogEntry, deps: DestroyDeps): Promise<void> {
  try {
    await deps.audit.note({
      kind: 'revoked',
      who: {
        principal: connection.place.principal,
        ...(connection.server === '' ? {} : { server: connection.server }),
      },
      downstream: connection.place.downstream,
      rev: entry.seq,
      details: { connection: connection.id, revocation: entry.id },
    })
  } catch (error) {
    deps.log.error('a destroyed connection could not be recorded', { connection: connection.id }, error)
  }
}
