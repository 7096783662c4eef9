import type { Operation, RiskClass } from './downstream.ts'
import type { ReasonCode } from './errors/codes.ts'
import type { Principal } from './principal.ts'
import type { Session } from './session.ts'
import type { JsonObject } from './strict-json.ts'

/** Everything the pure decision looks at. Absent facts make an allow rule not match and a deny rule deny. */
export interface Facts {
  readonly principal: Principal
  readonly client: string
  readonly server: string
  readonly groups: readonly string[]
  readonly groupsComplete: boolean
  /** From the claim that is configured for it, of a verified token; never self-asserted. */
  readonly workflow?: string
  readonly downstream?: string
  readonly operation?: Operation
  /** Set where a tool is called; without it `direct` rules. */
  readonly tool?: string
  /** The call's parameters. `any` asks whether it could be called with some of them, as lists do. */
  readonly arguments?: JsonObject | 'any'
  /** The tool's definition is not the one that it is held to. */
  readonly underReview?: true
  /** The class that the tool was given; the operation has its own. */
  readonly class?: RiskClass
  readonly approval?: string
  /** Whether the token at hand names this downstream as an audience. */
  readonly audienceGranted?: boolean
}

/** What a decision looks at of the session alone. */
export function factsOfSession(
  session: Pick<Session, 'principal' | 'client' | 'server' | 'groups' | 'groupsComplete' | 'workflow'>,
): Facts {
  const { principal, client, server, groups, groupsComplete, workflow } = session
  const facts = { principal, client, server, groups, groupsComplete }
  return workflow === undefined ? facts : { ...facts, workflow }
}

/** What would have denied it, were its server not observed (`mode: observe`). */
export interface Observed {
  readonly reason: ReasonCode
  readonly rule: string
}

/** The outcome of a decision with its stable reason and the rule that made it. */
export type Decision<P> =
  | {
      readonly effect: 'allow'
      readonly permit: P
      readonly reason: ReasonCode
      readonly rule: string
      readonly observed?: Observed
    }
  | { readonly effect: 'deny'; readonly reason: ReasonCode; readonly rule: string }
