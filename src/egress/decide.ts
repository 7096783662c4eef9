import type { CallRef, Decision, Facts, Gate, OpenCalls } from '../model/index.ts'
import type { Permit, Policy } from '../policy/index.ts'
import type { Routed } from './context.ts'
import { callerFacts, type KnownAccess } from './known.ts'
import { callRule, findOpen } from './open-call.ts'

/**
 * The decision on a routed request. What is cut, held or switched off is refused here already, so that nothing is
 * fetched for it; the gate is asked again in the last step before the write, and that answer is the one that counts.
 */
export function decide(
  routed: Routed,
  deps: {
    readonly policy: Policy
    readonly gate: Gate
    readonly known: KnownAccess
    readonly calls: OpenCalls
  },
): Decision<Permit> {
  const barred = deps.gate.check(routed.work, routed.access.rev)
  if (barred !== undefined) return { effect: 'deny', reason: barred.reason, rule: 'revocation' }
  const { call } = routed.access
  if (call !== undefined) return decideInCall(call, routed, deps)
  const { decisions } = deps.known.placeOf(routed.access, routed.downstream)
  const known = decisions.get(routed.operation)
  if (known !== undefined) return known
  const decision = deps.policy.decide(factsOf(routed))
  decisions.set(routed.operation, decision)
  return decision
}

/** What the call may do, and nothing of what a session may. */
function decideInCall(
  call: CallRef,
  routed: Routed,
  { policy, calls }: { readonly policy: Policy; readonly calls: OpenCalls },
): Decision<Permit> {
  if (call.tool === undefined) return { effect: 'deny', reason: 'call_operations_none', rule: callRule }
  const open = findOpen(call, calls)
  if (open === undefined) return { effect: 'deny', reason: 'call_ended', rule: callRule }
  return policy.decide({ ...factsOf(routed), tool: call.tool, class: open.class, arguments: open.arguments })
}

function factsOf({ access, downstream, operation }: Routed): Facts {
  return {
    ...callerFacts(access),
    downstream: downstream.name,
    audienceGranted: access.audiences.includes(downstream.resource),
    ...(operation === undefined ? {} : { operation }),
  }
}
