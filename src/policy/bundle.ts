import type { Downstream, Operation, ReasonCode, RiskClass, Server, Tool, Use } from '../model/index.ts'
import { createNotes, isMethodName } from '../model/index.ts'
import type { HeldUse } from './held-use.ts'
import type { Pointer } from './parts.ts'
import type { Step } from './policy.ts'
import type { Rule } from './rules.ts'

/** A parameter as it is named in a configuration, and where it stands. */
export interface RecordedParameter {
  readonly name: string
  readonly pointer: Pointer
  /** What of its value does not stand there, from the value on. */
  readonly hidden: readonly Pointer[]
}

type PlacedUse = Use & { readonly place: string }

/** The uses of a tool by downstream and operation: of several that cover one operation, the first. */
export type HeldUses = ReadonlyMap<string, HeldUse>

export const useKey = (downstream: string, { id }: Operation): string => `${downstream} ${id}`

export interface CompiledTool {
  readonly name: string
  readonly place: string
  readonly tool: Tool
  readonly uses: HeldUses
  /** Absent: whoever the server allows. Present and empty: nobody. */
  readonly allow?: readonly Rule[]
  readonly deny: readonly Rule[]
  /** What of a call's parameters stands in its record. */
  readonly recorded: readonly RecordedParameter[]
}

export interface CompiledServer {
  readonly name: string
  /** `servers.crm`, as the rules that it makes are named. */
  readonly place: string
  readonly server: Server
  readonly allow: readonly Rule[]
  readonly deny: readonly Rule[]
  readonly direct: readonly PlacedUse[]
  readonly tools: ReadonlyMap<string, CompiledTool>
  readonly reachable: readonly string[]
}

/** The entry that stands for every tool of a server that has none of its own. */
const anyTool = '*'

/** The tool of this very name, else the entry for all others, which are tools. Names are compared as they are: no folding, no trimming. */
export function toolOf(server: CompiledServer, name: string): CompiledTool | undefined {
  const { tools } = server
  const own = tools.get(name)
  if (own !== undefined || isMethodName(name)) return own
  const others = tools.get(anyTool)
  return others === undefined || isTwin(tools, name) ? undefined : others
}

/**
 * Whether a name is another spelling of an entry's. Some servers read names without regard to case or blanks: for them it would
 * be that tool, and the entry for all others may be the laxer one.
 */
function isTwin(tools: CompiledServer['tools'], name: string): boolean {
  let folded = foldedNames.get(tools)
  if (folded === undefined) {
    folded = new Set([...tools.keys()].map(fold))
    foldedNames.set(tools, folded)
  }
  return folded.has(fold(name))
}

const foldedNames = createNotes<CompiledServer['tools'], ReadonlySet<string>>()

const fold = (name: string): string =>
  name
    .normalize('NFKC')
    .replaceAll(/[\p{C}\p{Z}]/gu, '')
    .toUpperCase()
    .toLowerCase()

export interface CompiledDownstream {
  readonly name: string
  /** `downstreams.orders`, as the rules that it makes are named. */
  readonly place: string
  readonly downstream: Downstream
  readonly operations: ReadonlyMap<string, Operation>
}

export interface Bundle {
  readonly tenant: string
  readonly servers: ReadonlyMap<string, CompiledServer>
  readonly downstreams: ReadonlyMap<string, CompiledDownstream>
}

/** A step that did not hold, with the place of the rule that says so. */
export type Denied = { readonly effect: 'deny'; readonly reason: ReasonCode; readonly rule: string }

/** A step that held, with the rule that it rests on. */
export interface Granted {
  readonly effect: 'allow'
  readonly rule: string
  /** Set where a tool was asked. */
  readonly use?: HeldUse
}

/** What a request is about: an operation of a known downstream, and the class that counts. */
export interface Target {
  readonly downstream: Downstream
  readonly operation: Operation
  readonly risk: RiskClass
}

/** Where steps are told to people; absent on the hot path, so that no note is put together there. */
export type Trace = ((step: Step) => void) | undefined

export const deny = (reason: ReasonCode, rule: string): Denied => ({ effect: 'deny', reason, rule })

export function covers(use: Use, { downstream, operation }: Omit<Target, 'risk'>): boolean {
  if (use.downstream !== downstream.name) return false
  return use.operation === undefined || use.operation === operation.id
}

/** Asks one question of a decision: an absent or false answer does not hold. */
export type Ask = <T>(step: string, answer: T, note: () => string) => answer is Exclude<T, undefined | false>

/** Tells the trace what was asked and whether it held; the note is only put together for a trace. */
export function asker(trace: Trace): Ask {
  return <T>(step: string, answer: T, note: () => string): answer is Exclude<T, undefined | false> => {
    const held = answer !== undefined && answer !== false
    trace?.({ step, held, note: note() })
    return held
  }
}

export function known(name: string | undefined, found: unknown): string {
  if (name === undefined) return 'not known from the request'
  return found === undefined ? `${name} is not configured` : name
}
