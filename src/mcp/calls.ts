import type { ErrorCode, JsonObject, OpenCall, OpenCalls, RiskClass } from '../model/index.ts'

/** The calls that are open here: what their tokens may do is worked out from these, and from nothing a server says. */
export interface Calls extends OpenCalls {
  open(call: {
    readonly id: string
    readonly tool: string
    readonly class: RiskClass
    readonly arguments: JsonObject
    /** How many requests it may make, all together. */
    readonly maxRequests: number
  }): {
    readonly close: () => void
    readonly requests: () => number
    /** Downstreams to which the person has to connect, as its requests found out. */
    readonly needed: () => readonly string[]
  }
}

/** `endCall` is told of each call that has ended: what it began goes no further. */
export function createCalls(endCall: (id: string) => void): Calls {
  const open = new Map<string, OpenCall>()
  return {
    find: (id) => open.get(id),
    open: ({ maxRequests, ...call }) => {
      const tally = countRequests(maxRequests)
      const needed = new Set<string>()
      open.set(call.id, { ...call, spend: tally.spend, needs: (name) => void needed.add(name) })
      const close = () => {
        if (open.delete(call.id)) endCall(call.id)
      }
      return { close, requests: tally.made, needed: () => [...needed] }
    },
  }
}

/** Counted before a request is sent, so that no two share the last one. */
function countRequests(most: number) {
  let made = 0
  const byUse = new Map<string, number>()
  return {
    made: () => made,
    spend: (use: string, times: number | undefined): ErrorCode | undefined => {
      const before = byUse.get(use) ?? 0
      if (times !== undefined && before >= times) return 'call_times_exceeded'
      if (made >= most) return 'call_requests_exceeded'
      made += 1
      byUse.set(use, before + 1)
      return undefined
    },
  }
}
