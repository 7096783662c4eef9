import type { Decision, Facts, Gate } from '../model/index.ts'
import type { Permit, Policy } from '../policy/index.ts'
import type { Routed } from './context.ts'

/**
 * The decision on a routed request. What is cut, held or switched off is refused here already, so that nothing is
 * fetched for it; the gate is asked again in the last step before the write, and that answer is the one that counts.
 */
export function decide(
  routed: Routed,
  deps: { readonly policy: Policy; readonly gate: Gate },
): Decision<Permit> {
  const barred = deps.gate.check(routed.work, routed.access.rev)
  if (barred !== undefined) return { effect: 'deny', reason: barred.reason, rule: 'revocation' }
  return deps.policy.decide(factsOf(routed))
}

function factsOf({ access, downstream, operation }: Routed): Facts {
  const { session, call } = access
  return {
    principal: session.principal,
    client: session.client,
    server: session.server,
    groups: session.groups,
    groupsComplete: session.groupsComplete,
    downstream: downstream.name,
    audienceGranted: access.audiences.includes(downstream.resource),
    ...(operation === undefined ? {} : { operation }),
    ...(call === undefined ? {} : { tool: call.tool }),
  }
}
