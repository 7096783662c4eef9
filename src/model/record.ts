import type { ReasonCode } from './errors/codes.ts'
import type { RiskClass } from './downstream.ts'
import type { Actor, Principal } from './principal.ts'

/** How safe a record is when the call goes on (design §8): with the kernel, on the disk, or with the hub. */
export type Durability = 'handed' | 'synced' | 'acknowledged'

/** What happened. `intent` and `outcome` are the two halves of one downstream request. */
export type RecordKind =
  | 'intent'
  | 'outcome'
  | 'denial'
  | 'mint'
  | 'exchange'
  | 'refresh'
  | 'connect'
  | 'disconnect'
  | 'revoke'
  | 'revoked'
  | 'hold'
  | 'release'
  | 'switch'
  | 'policy'
  | 'administration'

/** Who a record is about; absent parts were not known. */
export interface RecordWho {
  readonly principal?: Principal
  readonly client?: string
  readonly actor?: Actor
  readonly server?: string
  readonly sid?: string
  readonly jti?: string
}

/** One event as a room hands it over; the record adds number, time and hash. Never holds a secret, only fingerprints. */
export interface RecordEvent {
  readonly kind: RecordKind
  readonly request?: string
  readonly who: RecordWho
  readonly downstream?: string
  readonly operation?: string
  readonly method?: string
  readonly path?: string
  readonly tool?: string
  readonly call?: string
  readonly class?: RiskClass
  readonly decision?: 'allow' | 'deny'
  readonly reason?: ReasonCode
  readonly rule?: string
  readonly policy?: string
  readonly rev?: number
  readonly approval?: string
  readonly trace?: string
  readonly credential?: string
  readonly status?: number
  readonly downstreamRequestId?: string
  readonly durationMs?: number
  readonly bytesIn?: number
  readonly bytesOut?: number
  readonly result?: 'done' | 'failed' | 'aborted' | 'barred' | 'late_injection'
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>
}
