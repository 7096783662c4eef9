import { type Seconds, seconds } from '../model/index.ts'
import type { Need } from './need.ts'
import type { ExchangeSource, Issued } from './flavours/flavour.ts'
import { targetNames, targetOf } from './flavours/target.ts'
import { tokenExchange } from './flavours/token-exchange.ts'
import type { Flight } from './flights.ts'
import type { RequestToken } from './grant-request.ts'
import type { Subject, SubjectSource } from './subject-source.ts'

/** One need of an exchanged credential, under way. */
export interface Wanted {
  readonly need: Need
  readonly source: ExchangeSource
  readonly flight: Flight
  /** The downstream refused the access token with this fingerprint: it is not taken from the store again. */
  readonly refused: string | undefined
}

/** What was made, and how, for the record. */
export interface Made {
  readonly issued: Issued
  readonly how: 'exchange' | 'refresh' | 'stored' | 'client-credentials'
  readonly connection?: string
}

export interface ExchangeOnceDeps {
  readonly subjects: SubjectSource
  readonly requestToken: RequestToken
}

/** A subject token must be good for this long still when it is sent. */
const minLife: Seconds = seconds(5)

/** The subject token of the need's session. @throws subject_expired */
export async function subjectOf({ need, source }: Wanted, subjects: SubjectSource): Promise<Subject> {
  const { session } = need.access
  const audience = targetNames(targetOf(source, need.downstream))[0] ?? need.downstream.resource
  return subjects.subjectToken({ session, audience, minLife })
}

/** A plain exchange: its access token lives in memory only. @throws subject_expired, exchange_* */
export async function exchangeOnce(wanted: Wanted, deps: ExchangeOnceDeps): Promise<Made> {
  const { need, source, flight } = wanted
  const subject = await subjectOf(wanted, deps.subjects)
  const { downstream, access } = need
  const { principal } = access.session
  const ask = { source, downstream, principal, subject, keep: false }
  const issued = await deps.requestToken(tokenExchange, ask, source)
  flight.still()
  return { issued, how: 'exchange' }
}
