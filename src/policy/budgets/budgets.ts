import type { Principal, ReasonCode, RiskClass } from '../../model/index.ts'

/**
 * What a cap counts apart. A tool is one of its server; a session is one of a principal with a client at a server. A call
 * counts once for each downstream that its tool uses, and for none where it uses none.
 */
export const capKeys = ['principal', 'client', 'tool', 'session', 'server', 'downstream'] as const
export type CapKey = (typeof capKeys)[number]

/** How many calls may be made. Each limit that is given counts by itself. */
export interface Cap {
  /** `caps[0]` or `servers.crm.caps[1]`: refusals name it. */
  readonly place: string
  /** The only server whose calls count; absent for those of all servers together. */
  readonly server?: string
  readonly per: readonly CapKey[]
  readonly calls?: Rate
  /** Calls that are open at once. */
  readonly concurrent?: number
  /** Calls of one day of UTC. */
  readonly daily?: number
  /** Calls of class write or critical: of a session where `per` names it, else of one day of UTC. */
  readonly effects?: number
}

export interface Rate {
  readonly count: number
  readonly withinMs: number
}

/** A call that may be made as far as the policy goes. */
export interface BudgetedCall {
  readonly principal: Principal
  readonly client: string
  readonly server: string
  readonly sid: string
  readonly tool: string
  readonly class: RiskClass
  /** Names of those that the tool uses, each once. */
  readonly downstreams: readonly string[]
  /** Of its parameters. */
  readonly digest: string
}

export type Taken =
  | {
      readonly effect: 'allow'
      /** The call has ended, in whatever way. Saying it again changes nothing. */
      readonly release: () => void
    }
  | {
      readonly effect: 'deny'
      readonly reason: ReasonCode
      readonly rule: string
      /** In seconds; absent where waiting does not help. */
      readonly retryAfter?: number
    }

/**
 * What calls may use up, asked before a credential is touched. A call that is refused uses up nothing. A promise where
 * the count is kept by many processes together.
 */
export interface Budgets {
  take(call: BudgetedCall): Taken | Promise<Taken>
}
