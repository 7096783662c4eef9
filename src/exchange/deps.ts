import type { Audit } from '../audit/index.ts'
import type { Clock, Downstream, Gate, GrantPlace, GuardedFetch, Secret, Session } from '../model/index.ts'
import type { ConnectionIndex, Consents, Secrets } from '../storage/index.ts'
import type { Log, Metrics } from '../telemetry/index.ts'
import type { Introduction } from './connect/introduction.ts'
import type { Registration } from './registration.ts'

/** The part of the configuration that the room asks for; a reload may change the answer. */
export interface ExchangeSlice {
  downstream(name: string): Downstream | undefined
  /** Our client at the login issuer, where people are sent there. */
  readonly login?: Registration
}

export interface ExchangeDeps {
  readonly fetch: GuardedFetch
  readonly secrets: Secrets
  readonly connections: ConnectionIndex
  readonly consents: Pick<Consents, 'get' | 'put'>
  /** How sallyport introduces itself to servers at which people link accounts. */
  readonly introduction: Introduction
  readonly audit: Audit
  readonly gate: Gate
  readonly clock: Clock
  /** So many random bytes. */
  readonly random: (bytes: number) => Uint8Array
  readonly log: Log
  readonly metrics: Pick<Metrics, 'unsavedGrants'>
  /** The sign-in that a session stands on has ended at its issuer. Returns at once, never throws. */
  readonly sessionEnded: (session: Session, cause: string) => void
  /** Seal a refresh token whose provider does not answer, and have it revoked there later. @throws secrets_*, state_unavailable */
  readonly revokeLater: (place: GrantPlace, refreshToken: Secret) => Promise<void>
}
