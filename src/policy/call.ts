import type { Facts, Tool } from '../model/index.ts'
import { admission } from './admission.ts'
import { asker, type Bundle, type Denied, deny, known, toolOf, type Trace } from './bundle.ts'
import { firstAllowing, unmetNote } from './rules.ts'
import { people, review } from './tool.ts'

export interface Callable {
  readonly effect: 'allow'
  readonly rule: string
  readonly tool: Tool
}

/**
 * May this tool be called, whatever its call then does? Asked for each tool of a list and for each call, so that what is
 * shown is what may be called.
 */
export function callable(bundle: Bundle, facts: Facts, trace?: Trace): Denied | Callable {
  const admitted = admission(bundle, facts, trace)
  if (admitted.effect === 'deny') return admitted
  const ask = asker(trace)
  const name = facts.tool ?? ''
  const found = toolOf(admitted.server, name)
  if (!ask('tool', found, () => known(name, found))) {
    return deny('tool_unknown', `${admitted.server.place}.tools`)
  }
  const { place, tool, allow } = found
  const allowed = allow === undefined || firstAllowing(allow, facts) !== undefined
  const note = () => (allowed ? 'met, or none of its own' : unmetNote(allow, facts))
  if (!ask('tool allow rules', allowed, note)) return deny('not_allowed', `${place}.allow`)
  const reviewed = review(found, facts, trace)
  if (reviewed !== undefined) return reviewed
  if (!ask('tool class', tool.class !== 'never', () => `the tool is of class ${tool.class}`)) {
    return deny('class_never', `${place}.class`)
  }
  if (!ask('tool redaction', tool.class !== 'read-sensitive', () => `the tool is of class ${tool.class}`)) {
    return deny('class_sensitive_unavailable', `${place}.class`)
  }
  return people(found, trace) ?? { effect: 'allow', rule: place, tool }
}
