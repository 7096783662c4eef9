import type {
  Decision,
  Downstream,
  Facts,
  JsonObject,
  Observed,
  Operation,
  ReasonCode,
  Server,
  Tool,
} from '../model/index.ts'
import type { Permit } from './permit.ts'

/** The configuration compiled for deciding. Pure: no clock, no I/O. */
export interface Policy {
  /** Version of the bundle: records and decisions carry it. */
  readonly version: string
  server(name: string): Server | undefined
  downstream(name: string): Downstream | undefined
  /**
   * The operation that a method and a path are, or undefined. `path` is what follows the downstream's base path: it
   * begins with `/`, is percent-encoded and has no query. The most literal template wins.
   */
  match(downstream: Downstream, method: string, path: string): Operation | undefined
  /** One function decides for egress, gateway, `explain` and tests. Never throws. */
  decide(facts: Facts): Decision<Permit>
  /**
   * May this principal have a session at this server at all, and which of these downstreams may its token name?
   * The permit holds those of `downstreams` that the server's `direct` or tools use, in the order asked for; the
   * others are left out, and the caller judges whether that is an error (`target_refused`).
   */
  admit(facts: Facts, downstreams: readonly string[]): Decision<readonly string[]>
  /** The downstreams that a server's `direct` and tools use, sorted: all that its tokens may ever name. */
  reachable(server: string): readonly string[]
  /**
   * May this principal have a tunnel (`CONNECT`) to `host:port`? The permit is that place as it is configured.
   * Whatever is a downstream, of this server or of another, is none: a credential never goes into a tunnel.
   */
  connect(facts: Facts, place: string): Decision<string>
  /**
   * May this principal call this tool (`facts.tool`) at all? What the call then does is decided request by request. The
   * permit is the tool as configured.
   */
  call(facts: Facts): Decision<Tool>
  /** The entry that a tool of this server falls under: its own, or that for all others. */
  tool(server: string, name: string): Tool | undefined
  /** Of a call's parameters, those that stand in its record: what its uses bind, and what the tool names besides. */
  recorded(server: string, tool: string, args: JsonObject): JsonObject
  /** The steps that `decide` took, in order, for people. Same code path. */
  explain(facts: Facts): Explanation
  /** The steps that `call` took. */
  explainCall(facts: Facts): Explanation
}

/** One question that was asked on the way to a decision. Only the last step may not have held, which denies, unless observed. */
export interface Step {
  readonly step: string
  readonly held: boolean
  readonly note: string
}

/** A decision as people read it. */
export interface Explanation {
  readonly decision: 'allow' | 'deny'
  readonly reason: ReasonCode
  readonly sentence: string
  readonly rule: string
  readonly policy: string
  readonly steps: readonly Step[]
  /** Of a denial: what would change it. */
  readonly remedy?: string
  /** It passes because its server is observed, and this would deny it. */
  readonly observed?: Observed
}
