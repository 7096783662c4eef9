import type { Decision, Downstream, Facts, Operation, Server } from '../model/index.ts'
import type { Permit } from './permit.ts'

/** The configuration compiled for deciding. Pure: no clock, no I/O. */
export interface Policy {
  /** Version of the bundle: records and decisions carry it. */
  readonly version: string
  server(name: string): Server | undefined
  downstream(name: string): Downstream | undefined
  /** The operation that a method and a normalised path are, or undefined. The most literal template wins. */
  match(downstream: Downstream, method: string, path: string): Operation | undefined
  /** One function decides for egress, gateway, `explain` and tests. */
  decide(facts: Facts): Decision<Permit>
  /** May this principal have a session at this server at all, and which of these downstreams may its token name? */
  admit(facts: Facts, downstreams: readonly string[]): Decision<readonly string[]>
  /** The steps that `decide` took, in order, for people. Same code path. */
  explain(facts: Facts): Explanation
}

export interface Explanation {
  readonly decision: 'allow' | 'deny'
  readonly reason: string
  readonly sentence: string
  readonly rule: string
  readonly policy: string
  readonly steps: readonly { readonly step: string; readonly held: boolean; readonly note: string }[]
}
