import {
  asSallyportError,
  type LogEntry,
  type ProviderAnswer,
  type ReceiptConnection,
} from '../model/index.ts'
import type { OutboxJob, Receipts } from '../storage/index.ts'
import { type DestroyDeps, destroyConnection, destroyKeys } from './destroy.ts'
import type { Ledger, ReceiptContent } from './receipts.ts'

export interface FollowUpDeps extends DestroyDeps {
  readonly receipts: Receipts
  readonly ledger: Ledger
}

/**
 * What comes after the fence (revocation protocol, line 10): every connection that the cut reaches is destroyed, then
 * the keys of principals who have none left. Each may be tried again at any time; what is done stays done. The
 * receipt lists the connections before the first is touched, so that a crash loses none of them from it.
 *
 * @throws the last failure, after everything that could be done was done
 */
export async function followUp(
  entry: LogEntry,
  initial: () => ReceiptContent,
  deps: FollowUpDeps,
): Promise<void> {
  if (entry.body.kind !== 'cut') return
  const { scope, cause } = entry.body
  const connections = await deps.connections.reached(scope, entry.seq)
  const list = (latest: ReceiptContent | undefined): ReceiptContent => {
    const content = latest ?? initial()
    const listed = connections.map(
      ({ id, place }): ReceiptConnection => ({
        id,
        downstream: place.downstream,
        store: 'pending',
        provider: 'pending',
      }),
    )
    return { ...content, connections: withItems(listed, content.connections) }
  }
  if (connections.length > 0) await deps.ledger.revise(entry.id, list)
  let failure: unknown
  const done: ReceiptConnection[] = []
  for (const connection of connections) {
    try {
      done.push(await destroyConnection(connection, { entry, cause }, deps))
    } catch (error) {
      failure = error
      deps.log.warn('a connection could not be destroyed yet', { connection: connection.id }, error)
    }
  }
  await deps.ledger.revise(entry.id, (latest) =>
    latest === undefined ? undefined : { ...latest, connections: withItems(latest.connections, done) },
  )
  if (failure !== undefined) throw asSallyportError(failure)
  await destroyKeys(scope, connections, { entry, cause }, deps)
  await deps.receipts.finish(entry.id)
}

/** The first list, with the items of the second in place of those of the same connection. */
function withItems(
  items: readonly ReceiptConnection[],
  newer: readonly ReceiptConnection[],
): ReceiptConnection[] {
  const replaced = items.map((item) => newer.find(({ id }) => id === item.id) ?? item)
  return [...replaced, ...newer.filter(({ id }) => !items.some((item) => item.id === id))]
}

/** A final answer of a provider: the receipt gets a further revision that says so. */
export async function settleProvider(
  job: OutboxJob,
  { outcome, remains }: ProviderAnswer,
  deps: Pick<FollowUpDeps, 'ledger' | 'clock'>,
): Promise<void> {
  await deps.ledger.revise(job.revocation, (latest) => {
    if (latest === undefined) return undefined
    const connections = latest.connections.map((item): ReceiptConnection => {
      if (item.id !== job.connection) return item
      const { sealedUntil: _sealedUntil, ...rest } = item
      return {
        ...rest,
        store: 'destroyed',
        provider: outcome,
        ...(remains === undefined ? {} : { remains }),
      }
    })
    return { ...latest, at: deps.clock.now(), connections }
  })
}
