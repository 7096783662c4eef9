import type { Facts } from '../model/index.ts'
import { riskOrder } from '../model/index.ts'
import {
  asker,
  type CompiledServer,
  type CompiledTool,
  type Denied,
  deny,
  type Granted,
  known,
  level,
  stricter,
  type Target,
  toolOf,
  type Trace,
  useKey,
} from './bundle.ts'
import { bindingNote } from './held-use.ts'
import { firstAllowing, unmetNote } from './rules.ts'

export interface ToolCase {
  readonly facts: Facts
  readonly target: Target
}

/** What a tool call may do: operations that the tool uses, of no higher class than the tool's. */
export function withinTool(
  server: CompiledServer,
  name: string,
  { facts, target }: ToolCase,
  trace: Trace,
): Denied | Granted {
  const ask = asker(trace)
  const tool = toolOf(server, name)
  if (!ask('tool', tool, () => known(name, tool))) {
    return deny('tool_unknown', `${server.place}.tools`)
  }
  const { place } = tool
  const allowed = tool.allow === undefined || firstAllowing(tool.allow, facts) !== undefined
  const allowNote = () => (allowed ? 'met, or none of its own' : unmetNote(tool.allow ?? [], facts))
  if (!ask('tool allow rules', allowed, allowNote)) {
    return deny('not_allowed', `${place}.allow`)
  }
  const use = tool.uses.get(useKey(target.downstream.name, target.operation))
  const useNote = () => (use === undefined ? 'not used by the tool' : `listed at ${use.place}`)
  if (!ask('uses', use, useNote)) {
    return deny('tool_does_not_use', `${place}.uses`)
  }
  const refused = review(tool, facts, trace) ?? toolClass(tool, facts, target, trace) ?? people(tool, trace)
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
  const sensitive = own === 'read-sensitive' || carried === 'read-sensitive'
  if (!ask('tool redaction', !sensitive, () => `the tool is ${sensitive ? '' : 'not '}read-sensitive`)) {
    return deny('class_sensitive_unavailable', place)
  }
  const ceiling = Math.min(level(own), level(carried))
  const note = () => `${target.operation.id} is ${target.risk}, the tool ${riskOrder[ceiling] ?? 'never'}`
  return ask('within class', level(target.risk) <= ceiling, note) ? undefined : deny('class_exceeded', place)
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
