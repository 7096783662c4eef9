import type { Decision, Facts, Gate } from '../model/index.ts'
import type { Permit, Policy } from '../policy/index.ts'
import type { Routed } from './context.ts'
import { callerFacts, type KnownAccess } from './known.ts'

/**
 * The decision on a routed request. What is cut, held or switched off is refused here already, so that nothing is
 * fetched for it; the gate is asked again in the last step before the write, and that answer is the one that counts.
 */
export function decide(
  routed: Routed,
  deps: { readonly policy: Policy; readonly gate: Gate; readonly known: KnownAccess },
): Decision<Permit> {
  const barred = deps.gate.check(routed.work, routed.access.rev)
  if (barred !== undefined) return { effect: 'deny', reason: barred.reason, rule: 'revocation' }
  if (routed.access.call !== undefined) return deps.policy.decide(factsOf(routed))
  const { decisions } = deps.known.placeOf(routed.access, routed.downstream)
  const known = decisions.get(routed.operation)
  if (known !== undefined) return known
  const decision = deps.policy.decide(factsOf(routed))
  decisions.set(routed.operation, decision)
  return decision
}

function factsOf({ access, downstream, operation }: Routed): Facts {
  return {
    ...callerFacts(access),
    downstream: downstream.name,
    audienceGranted: access.audiences.includes(downstream.resource),
    ...(operation === undefined ? {} : { operation }),
  }
}
