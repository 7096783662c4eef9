import type { ReasonCode } from './errors/codes.ts'
import type { RiskClass } from './downstream.ts'
import type { Actor, Principal } from './principal.ts'
import type { Access } from './session.ts'
import type { JsonObject } from './strict-json.ts'

/** How safe a record is when the call goes on (design §8): with the kernel, on the disk, or with the hub. */
export type Durability = 'handed' | 'synced' | 'acknowledged'

/** What happened. `intent` and `outcome` are the two halves of one downstream request. */
export type RecordKind =
  | 'intent'
  | 'outcome'
  | 'denial'
  | 'call'
  | 'return'
  | 'sign-in'
  | 'consent'
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
  readonly workflow?: string
}

/** Who works with a token, as records say it. */
export function recordWho({ session, actor, jti }: Access): RecordWho {
  const { principal, client, server, sid, workflow } = session
  const who = { principal, client, server, sid, jti, ...(actor === undefined ? {} : { actor }) }
  return workflow === undefined ? who : { ...who, workflow }
}

/** What many requests have in common: one object for all of them, so that its text is made once. */
export interface RecordCommon {
  readonly who: RecordWho
  readonly downstream: string
  readonly operation: string
  readonly method?: string
  readonly class?: RiskClass
  readonly decision?: 'allow'
  readonly reason?: ReasonCode
  readonly rule?: string
  readonly policy?: string
}

/** One event as a room hands it over; the record adds number, time and hash. Never holds a secret, only fingerprints. */
export interface RecordEvent {
  readonly kind: RecordKind
  readonly request?: string | undefined
  readonly who: RecordWho
  /** Stands in the record as if its members were the event's own, which then has none of them. */
  readonly common?: RecordCommon | undefined
  readonly downstream?: string | undefined
  readonly operation?: string | undefined
  readonly method?: string | undefined
  readonly path?: string | undefined
  readonly tool?: string | undefined
  readonly call?: string | undefined
  readonly class?: RiskClass | undefined
  readonly decision?: 'allow' | 'deny' | undefined
  readonly reason?: ReasonCode | undefined
  readonly rule?: string | undefined
  readonly policy?: string | undefined
  /** It passed because its server is observed: the reason that would have denied it. */
  readonly observed?: ReasonCode | undefined
  /** Parameters of a call that may be read by whoever reads the record. */
  readonly parameters?: JsonObject | undefined
  readonly rev?: number | undefined
  readonly approval?: string | undefined
  readonly trace?: string | undefined
  readonly credential?: string | undefined
  readonly status?: number | undefined
  readonly downstreamRequestId?: string | undefined
  readonly durationMs?: number | undefined
  readonly bytesIn?: number | undefined
  readonly bytesOut?: number | undefined
  readonly result?: 'done' | 'failed' | 'aborted' | 'barred' | 'late_injection' | undefined
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>> | undefined
}
