import type { Principal } from './principal.ts'
import type { EpochSeconds, Seq } from './units.ts'

/**
 * A person's agreement that a client may act for them at a server and, where a downstream is named, use their linked
 * account there (design §1).
 */
export interface Consent {
  /** The same for the same principal, registration, server and downstream. */
  readonly id: string
  readonly principal: Principal
  /** The `client_id` as the client shows it. */
  readonly registration: string
  /** The name that policy knows the client by. */
  readonly client: string
  readonly server: string
  readonly downstream?: string
  readonly connection?: string
  readonly scopes: readonly string[]
  readonly at: EpochSeconds
  readonly rev: Seq
}
