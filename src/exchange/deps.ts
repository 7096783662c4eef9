import type { Audit } from '../audit/index.ts'
import type { Clock, Downstream, Gate, GuardedFetch } from '../model/index.ts'
import type { ConnectionIndex, Secrets } from '../storage/index.ts'
import type { Log } from '../telemetry/index.ts'

/** The part of the configuration that the room asks for; a reload may change the answer. */
export interface ExchangeSlice {
  downstream(name: string): Downstream | undefined
}

export interface ExchangeDeps {
  readonly fetch: GuardedFetch
  readonly secrets: Secrets
  readonly connections: ConnectionIndex
  readonly audit: Audit
  readonly gate: Gate
  readonly clock: Clock
  /** So many random bytes. */
  readonly random: (bytes: number) => Uint8Array
  readonly log: Log
}
