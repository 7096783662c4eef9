import type { Downstream, Facts, Observed, Operation, ReasonCode, Tool } from '../model/index.ts'
import { admission } from './admission.ts'
import { type Bundle, type CompiledServer, type Denied, type Granted, toolOf } from './bundle.ts'
import { holdUse } from './held-use.ts'
import { people } from './tool.ts'

/**
 * What a server that is observed lets pass: denials that come of rules and of tools that have no entry yet. Whoever may not
 * come in at all, what is of class `never` or under review, and what asks for people stays refused.
 */
const lenient: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'tool_unknown',
  'tool_does_not_use',
  'not_allowed',
  'denied_by_rule',
  'groups_incomplete',
  'fact_absent',
  'direct_not_listed',
])

/** The server, where it is observed and this denial is one of those that it lets pass. */
function observing(bundle: Bundle, facts: Facts, { reason }: Denied): CompiledServer | undefined {
  const server = bundle.servers.get(facts.server)
  if (server?.server.observe !== true || !lenient.has(reason)) return undefined
  return admission(bundle, facts, undefined, 'session').effect === 'allow' ? server : undefined
}

/** May reads of this tool pass? One that has no entry counts as a read: what else it tries downstream is refused there. */
function mayRead(server: CompiledServer, facts: Facts, highest: 'read' | 'critical'): boolean {
  const tool = facts.tool === undefined ? undefined : toolOf(server, facts.tool)
  if (tool === undefined) return true
  const { class: risk } = tool.tool
  const within = risk !== 'never' && (risk === 'read' || highest === 'critical')
  return within && facts.underReview !== true && people(tool, undefined) === undefined
}

const noted = ({ reason, rule }: Denied): Observed => ({ reason, rule })

/** The leave to read that an observed server gives in spite of a denial, with what would have denied it. */
export function observedRead(
  bundle: Bundle,
  facts: Facts,
  denied: Denied,
):
  | (Granted & {
      readonly downstream: Downstream
      readonly operation: Operation
      readonly observed: Observed
    })
  | undefined {
  const server = observing(bundle, facts, denied)
  const found = facts.downstream === undefined ? undefined : bundle.downstreams.get(facts.downstream)
  const operation = found?.operations.get(facts.operation?.id ?? '')
  if (server === undefined || found === undefined || operation === undefined) return undefined
  const reads =
    operation.class === 'read' && facts.operation?.class === 'read' && facts.audienceGranted === true
  if (!reads || !mayRead(server, facts, 'critical')) return undefined
  const { downstream } = found
  const rule = `${server.place}.mode`
  const use =
    facts.tool === undefined ? {} : { use: holdUse({ downstream: found.name, place: rule }, operation) }
  return { effect: 'allow', rule, downstream, operation, observed: noted(denied), ...use }
}

/** The same of a call: reads pass, and what is not known; it may then read what the server can reach. */
export function observedCall(
  bundle: Bundle,
  facts: Facts,
  denied: Denied,
):
  | { readonly effect: 'allow'; readonly rule: string; readonly tool: Tool; readonly observed: Observed }
  | undefined {
  const server = observing(bundle, facts, denied)
  if (server === undefined || facts.tool === undefined || facts.tool === '') return undefined
  if (!mayRead(server, facts, 'read')) return undefined
  const uses = server.reachable.map((downstream) => ({ downstream }))
  const tool = toolOf(server, facts.tool)?.tool ?? { name: facts.tool, class: 'read', uses }
  return { effect: 'allow', rule: `${server.place}.mode`, tool, observed: noted(denied) }
}
