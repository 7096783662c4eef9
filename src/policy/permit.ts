import type { Downstream, Facts, Observed, Operation } from '../model/index.ts'
import type { HeldUse } from './held-use.ts'

/**
 * Leave to do one operation at one downstream, for the facts it was decided on. The constructor is private to the
 * room: other rooms know the type only, so nothing undecided can be sent without a cast, which lint bans.
 */
export class Permit {
  readonly facts: Facts
  readonly downstream: Downstream
  readonly operation: Operation
  readonly rule: string
  /** Version of the policy bundle that decided. */
  readonly policy: string
  /** How the request is held to its call; absent where there is none. */
  readonly use: HeldUse | undefined
  /** What would have denied it. */
  readonly observed: Observed | undefined

  private constructor(parts: Pick<Permit, keyof Permit>) {
    const { facts, downstream, operation, rule, policy, use, observed } = parts
    this.facts = facts
    this.downstream = downstream
    this.operation = operation
    this.rule = rule
    this.policy = policy
    this.use = use
    this.observed = observed
  }

  /** For `decide` only; not exported from the face of the room. */
  static of(parts: Pick<Permit, keyof Permit>): Permit {
    return new Permit(parts)
  }
}
