import type { Facts, Observed, Tool } from '../model/index.ts'
import { admission } from './admission.ts'
import { asker, type Bundle, type Denied, deny, known, type Trace, toolOf } from './bundle.ts'
import { observedCall } from './observe.ts'
import { people, review, sensitive, toolRules } from './tool.ts'

export interface Callable {
  readonly effect: 'allow'
  readonly rule: string
  readonly tool: Tool
  readonly observed?: Observed
}

/**
 * May this tool be called, whatever its call then does? Asked for each tool of a list and for each call, so that what is
 * shown is what may be called.
 */
export function callable(bundle: Bundle, facts: Facts, trace?: Trace): Denied | Callable {
  const verdict = strictly(bundle, facts, trace)
  return verdict.effect === 'allow' ? verdict : (observedCall(bundle, facts, verdict) ?? verdict)
}

function strictly(bundle: Bundle, facts: Facts, trace?: Trace): Denied | Callable {
  const admitted = admission(bundle, facts, trace)
  if (admitted.effect === 'deny') return admitted
  const ask = asker(trace)
  const name = facts.tool ?? ''
  const found = toolOf(admitted.server, name)
  if (!ask('tool', found, () => known(name, found))) {
    return deny('tool_unknown', `${admitted.server.place}.tools`)
  }
  const { place, tool } = found
  const refused = toolRules(found, admitted.case, trace) ?? review(found, facts, trace)
  if (refused !== undefined) return refused
  if (!ask('tool class', tool.class !== 'never', () => `the tool is of class ${tool.class}`)) {
    return deny('class_never', `${place}.class`)
  }
  const unmet = sensitive(found, { case: admitted.case, class: tool.class }, trace) ?? people(found, trace)
  return unmet ?? { effect: 'allow', rule: place, tool }
}
