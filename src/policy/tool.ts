import { type Facts, type RiskClass, level, stricter } from '../model/index.ts'
import { riskOrder } from '../model/index.ts'
import type { Admitted } from './admission.ts'
import {
  asker,
  type CompiledTool,
  type Denied,
  deny,
  type Granted,
  known,
  type Target,
  type Trace,
  toolOf,
  useKey,
} from './bundle.ts'
import { bindingNote } from './held-use.ts'
import {
  type Case,
  denyingNote,
  firstAllowing,
  firstAllowingGroup,
  firstDenying,
  metNote,
  unmetNote,
} from './rules.ts'

/** What a tool call may do: operations that the tool uses, of no higher class than the tool's. */
export function withinTool(admitted: Admitted, name: string, target: Target, trace: Trace): Denied | Granted {
  const ask = asker(trace)
  const { server, case: it } = admitted
  const { facts } = it
  const tool = toolOf(server, name)
  if (!ask('tool', tool, () => known(name, tool))) {
    return deny('tool_unknown', `${server.place}.tools`)
  }
  const { place } = tool
  const ruled = toolRules(tool, it, trace)
  if (ruled !== undefined) return ruled
  const use = tool.uses.get(useKey(target.downstream.name, target.operation))
  const useNote = () => (use === undefined ? 'not used by the tool' : `listed at ${use.place}`)
  if (!ask('uses', use, useNote)) {
    return deny('tool_does_not_use', `${place}.uses`)
  }
  const refused =
    review(tool, facts, trace) ??
    toolClass(tool, facts, target, trace) ??
    sensitive(tool, { case: it, class: target.risk }, trace) ??
    people(tool, trace)
  if (refused !== undefined) return refused
  trace?.({ step: 'binding', held: true, note: bindingNote(use) })
  return { effect: 'allow', rule: use.place, use }
}

/** The tool's class is a ceiling; where the call carries a class too, both are. `never` is no ceiling but a refusal. */
function toolClass(tool: CompiledTool, facts: Facts, target: Target, trace: Trace): Denied | undefined {
  const ask = asker(trace)
  const place = `${tool.place}.class`
  const own = tool.tool.class
  const carried = facts.class ?? own
  const may = own !== 'never' && carried !== 'never'
  if (!ask('tool class', may, () => `the tool is of class ${stricter(own, carried)}`)) {
    return deny('class_never', place)
  }
  const ceiling = Math.min(level(own), level(carried))
  const note = () => `${target.operation.id} is ${target.risk}, the tool ${riskOrder[ceiling] ?? 'never'}`
  return ask('within class', level(target.risk) <= ceiling, note) ? undefined : deny('class_exceeded', place)
}

/** The rules of the tool itself: its deny rules, then whom of those that the server allows. */
export function toolRules(tool: CompiledTool, it: Case, trace: Trace): Denied | undefined {
  const ask = asker(trace)
  const { allow, place } = tool
  const denying = firstDenying(tool.deny, it)
  const denyNote = () => (denying === undefined ? `none of ${tool.deny.length}` : denyingNote(denying))
  if (!ask('tool deny rules', denying === undefined, denyNote) && denying !== undefined)
    return deny(denying.reason, denying.rule.place)
  const allowed = allow === undefined || firstAllowing(allow, it) !== undefined
  const allowNote = () => (allowed ? 'met, or none of its own' : unmetNote(allow, it))
  return ask('tool allow rules', allowed, allowNote) ? undefined : deny('not_allowed', `${place}.allow`)
}

/** What is sensitive is for groups that somebody named for this tool, whoever else the server lets in. */
export function sensitive(
  { tool, allow = [], place }: CompiledTool,
  asked: { readonly case: Case; readonly class: RiskClass },
  trace: Trace,
): Denied | undefined {
  const isSensitive = [tool.class, asked.class, asked.case.facts.class].includes('read-sensitive')
  const rule = isSensitive ? firstAllowingGroup(allow, asked.case) : undefined
  const note = () =>
    isSensitive ? (rule === undefined ? 'no group of this tool is met' : metNote(rule)) : 'not sensitive'
  const held = !isSensitive || rule !== undefined
  return asker(trace)('named group', held, note) ? undefined : deny('sensitive_needs_group', `${place}.allow`)
}

/** A tool whose definition is not the one that it is held to is of class `never` until somebody has looked at it. */
export function review({ place }: CompiledTool, facts: Facts, trace: Trace): Denied | undefined {
  const held = facts.underReview !== true
  const note = () => (held ? 'nothing against it' : 'another one than it is held to')
  return asker(trace)('tool definition', held, note) ? undefined : deny('tool_under_review', place)
}

/** Confirmation and approval load, and refuse until there is a way to obtain them. */
export function people({ tool, place }: CompiledTool, trace: Trace): Denied | undefined {
  const ask = asker(trace)
  const approve = tool.approve !== undefined
  if (!ask('approval', !approve, () => (approve ? 'the tool asks for approval' : 'none asked for'))) {
    return deny('tool_approval_unavailable', `${place}.approve`)
  }
  const confirm = tool.confirm !== undefined
  if (!ask('confirmation', !confirm, () => (confirm ? 'the tool asks for confirmation' : 'none asked for'))) {
    return deny('tool_confirm_unavailable', `${place}.confirm`)
  }
  return undefined
}
