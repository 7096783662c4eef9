import type { Session } from './session.ts'
import type { EpochSeconds, Seq } from './units.ts'

/**
 * One grant of one client for one person at one server: what its refresh tokens stand on. The tokens themselves are
 * derived from `id` and `gen` and kept nowhere.
 */
export interface SignIn {
  readonly id: string
  readonly session: Session
  /** The `client_id` as the client shows it; `session.client` is the name that policy knows. */
  readonly registration: string
  readonly resource: string
  readonly scopes: readonly string[]
  /** Grows by one with each rotation. */
  readonly gen: number
  readonly rotatedAt: EpochSeconds
  /** Unused until then, it ends; each use moves it, up to `until`. */
  readonly idleUntil: EpochSeconds
  readonly until: EpochSeconds
  /** When the login issuer last said that the person is still one of its own. */
  readonly checkedAt: EpochSeconds
  readonly createdAt: EpochSeconds
  readonly rev: Seq
}
