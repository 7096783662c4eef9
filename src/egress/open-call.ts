import type { Access, CallRef, OpenCall, OpenCalls } from '../model/index.ts'

/** The place of what is refused by the state of its call, not by a rule. */
export const callRule = 'call'

/** A call that is open, under the tool that its token names. */
export function findOpen(call: CallRef, calls: OpenCalls): OpenCall | undefined {
  const open = calls.find(call.id)
  return open?.tool === call.tool ? open : undefined
}

/** Whether nothing may be sent any more because the call is over. */
export function hasEnded({ call }: Access, calls: OpenCalls): boolean {
  return call !== undefined && findOpen(call, calls) === undefined
}
