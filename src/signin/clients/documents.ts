import {
  asSallyportError,
  type Clock,
  type GuardedFetch,
  type Millis,
  SallyportError,
} from '../../model/index.ts'
import type { Log } from '../../telemetry/index.ts'
import { createRate } from '../rate.ts'
import type { Client } from '../shapes.ts'
import { fromCopy, readDocument } from './document.ts'
import type { Known } from './known.ts'

/** Clients by their metadata documents. */
export interface Documents {
  /** One fetch at a time for each, and few at once. @throws client_metadata_refused, too_many_requests */
  find(id: string): Promise<Client>
}

export interface DocumentDeps {
  /** Reaches public https hosts alone. */
  readonly fetchPublic: GuardedFetch
  readonly clock: Clock
  readonly log: Log
  readonly known: Pick<Known, 'copyOf'>
}

/** In milliseconds: bounds of how long a document stands, how long without a word of its host, and after a failure. */
const least = 300_000
const most = 86_400_000
const usual = 3_600_000
const afterFailure = 60_000

const mostKept = 500
const mostAtOnce = 10

interface Kept {
  readonly found: Client | SallyportError
  readonly until: number
}

export function createDocuments(deps: DocumentDeps): Documents {
  const kept = new Map<string, Kept>()
  const underway = new Map<string, Promise<Client | SallyportError>>()
  // Whoever writes a client_id has us ask its host: that is no way to make a crowd of us.
  const rate = createRate({ burst: 20, perSecond: 2 }, deps.clock)

  const keep = (id: string, found: Kept['found'], forMs: number): void => {
    kept.delete(id)
    const [oldest] = kept.keys()
    if (kept.size >= mostKept && oldest !== undefined) kept.delete(oldest)
    kept.set(id, { found, until: deps.clock.monotonic() + forMs })
  }
  const load = async (id: string): Promise<Client | SallyportError> => {
    try {
      const { text, forMs } = await fetchDocument(id, deps)
      const client = readDocument(id, text)
      keep(id, client, forMs)
      return client
    } catch (error) {
      const copy = deps.known.copyOf(id)
      // One code for everything: what of a host can be reached from here is nobody's business.
      const found =
        copy === undefined
          ? new SallyportError('client_metadata_refused', hintOf(error), error)
          : fromCopy(copy)
      deps.log.warn('client metadata could not be read', { client: id, copy: copy !== undefined }, error)
      keep(id, found, copy === undefined ? afterFailure : least)
      return found
    }
  }
  const once = (id: string): Promise<Client | SallyportError> => {
    const before = underway.get(id)
    if (before !== undefined) return before
    if (underway.size >= mostAtOnce || !rate.take()) throw new SallyportError('too_many_requests')
    const loading = load(id).finally(() => underway.delete(id))
    underway.set(id, loading)
    return loading
  }
  return {
    async find(id) {
      const before = kept.get(id)
      const now: Millis = deps.clock.monotonic()
      const found = before !== undefined && now < before.until ? before.found : await once(id)
      if (found instanceof SallyportError) throw found
      return found
    },
  }
}

/** What the document itself lacks may be said; why it was not had may not. */
function hintOf(error: unknown): { readonly hint?: string } {
  const { code, facts } = asSallyportError(error)
  if (code === 'redirect_refused') return { hint: 'One of its redirect URIs cannot be used.' }
  return code === 'client_metadata_refused' && facts.hint !== undefined ? { hint: facts.hint } : {}
}

async function fetchDocument(
  id: string,
  { fetchPublic }: DocumentDeps,
): Promise<{ readonly text: string; readonly forMs: number }> {
  const answer = await fetchPublic(id, { headers: { accept: 'application/json' }, redirect: 'manual' })
  const headers = new Map([...answer.headers].map(([name, value]) => [name.toLowerCase(), value]))
  const json = /^application\/(?:[\w.+-]+\+)?json[ \t]*(?:;|$)/i.test(headers.get('content-type') ?? '')
  if (answer.status !== 200 || !json) throw new SallyportError('client_metadata_refused')
  return { text: await answer.text(), forMs: freshness(headers.get('cache-control')) }
}

/** `max-age` within bounds (RFC 9111 §5.2.2). */
function freshness(control: string | undefined): number {
  if (control === undefined) return usual
  if (/(?:^|[,\s])no-(?:store|cache)/i.test(control)) return least
  const age = /(?:^|[,\s])max-age=(\d{1,9})/i.exec(control)?.[1]
  return age === undefined ? usual : Math.min(most, Math.max(least, Number(age) * 1000))
}
