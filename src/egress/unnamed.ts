import type { Audit } from '../audit/index.ts'
import { type Access, type Gate, SallyportError } from '../model/index.ts'
import type { Policy } from '../policy/index.ts'
import type { Log } from '../telemetry/index.ts'
import type { Arrived } from './context.ts'
import { callerFacts, workOf } from './known.ts'
import { recordRefusal } from './settle.ts'

export interface UnnamedDeps {
  readonly policy: Policy
  readonly gate: Gate
  readonly audit: Pick<Audit, 'note'>
  readonly log: Log
}

/**
 * The refusal of a downstream that the token does not name, or undefined where it names it. What there is not is
 * refused by the same steps and in the same words, so that the downstreams of others cannot be found by guessing;
 * the record says which it was.
 */
export function refusalOfUnnamed(
  arrived: Arrived,
  access: Access,
  deps: UnnamedDeps,
): SallyportError | undefined {
  const { downstream: name, path } = arrived.target
  const downstream = deps.policy.downstream(name)
  if (downstream !== undefined && access.audiences.includes(downstream.resource)) return undefined
  const { reason, rule } = reasonFor(access, deps)
  const unnamed = reason === 'downstream_unknown'
  const told = unnamed ? 'downstream_not_granted' : reason
  const recorded = unnamed && downstream === undefined ? reason : told
  recordRefusal({ ...arrived, access, path, place: name }, recorded, deps)
  return new SallyportError(told, { rule: unnamed ? `downstreams.${name}` : rule, downstream: name })
}

/** Why this caller may not, before any downstream is looked at; `downstream_unknown` where nothing else stands. */
function reasonFor(access: Access, { policy, gate }: UnnamedDeps) {
  const barred = gate.check(workOf(access), access.rev)
  if (barred !== undefined) return { reason: barred.reason, rule: 'revocation' }
  return policy.decide(callerFacts(access))
}
