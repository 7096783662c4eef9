import type { Access } from '../model/index.ts'
import type { Inside } from './inside.ts'
import { type DecidedCall, type ToolCall, workOf } from './tool-call.ts'

export type TakenCall =
  | { readonly effect: 'allow'; readonly call: ToolCall; readonly release: () => void }
  | Extract<DecidedCall, { effect: 'deny' }>

/** What a call that may be made uses up of its caps. `release` is owed to it when it has ended, in whatever way. */
export async function takeBudget(call: ToolCall, access: Access, { budgets }: Inside): Promise<TakenCall> {
  const { tool, class: risk, digest, uses } = call
  const downstreams = uses.map(({ name }) => name)
  const taken = await budgets.take({ ...workOf(access), tool, class: risk, downstreams, digest })
  return taken.effect === 'allow' ? { ...taken, call } : { ...taken, tool, hidden: false }
}
