import { type Seconds, seconds } from '../model/index.ts'
import { type ClaimsChallenges, claimsIn } from './claims-challenges.ts'
import type { Need } from './need.ts'
import type { ExchangeSource, Issued } from './flavours/flavour.ts'
import { targetNames, targetOf } from './flavours/target.ts'
import type { SubjectAsk } from './flavours/token-exchange.ts'
import { exchangeSubject } from './exchange-subject.ts'
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
  readonly challenges: ClaimsChallenges
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

/** With what was found to be wanted, and remembering what is. @throws exchange_*, interaction_required */
export async function exchangeAsked(
  need: Need,
  ask: SubjectAsk,
  { challenges, requestToken }: Pick<ExchangeOnceDeps, 'challenges' | 'requestToken'>,
): Promise<Issued> {
  const claims = challenges.of(need)
  try {
    return await exchangeSubject(claims === undefined ? ask : { ...ask, claims }, requestToken)
  } catch (error) {
    challenges.note(need, claimsIn(error))
    throw error
  }
}

/** A plain exchange: its access token lives in memory only. @throws subject_expired, exchange_* */
export async function exchangeOnce(wanted: Wanted, deps: ExchangeOnceDeps): Promise<Made> {
  const { need, source, flight } = wanted
  const subject = await subjectOf(wanted, deps.subjects)
  const { downstream, access } = need
  const { principal } = access.session
  const ask = { source, downstream, principal, subject, keep: false }
  const issued = await exchangeAsked(need, ask, deps)
  flight.still()
  return { issued, how: 'exchange' }
}
