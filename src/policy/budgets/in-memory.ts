import { type Clock, joinKey, principalKey, type ReasonCode, type Seconds } from '../../model/index.ts'
import type { BudgetedCall, Budgets, Cap, CapKey, Taken } from './budgets.ts'
import { OpenCounts, Tallies } from './tallies.ts'
import { dayTally, type Moment, type Tally, totalTally, windowTally } from './tally.ts'

export interface BudgetsInput {
  readonly caps: readonly Cap[]
  /** How often one session may make the very same call; absent where nobody looks. */
  readonly loops?: { readonly same: number; readonly within: Seconds }
  /** How many keys each limit remembers. */
  readonly capacity?: number
}

/** Kept by this process alone, so it answers at once. */
export interface LocalBudgets extends Budgets {
  take(call: BudgetedCall): Taken
  /** How many keys are remembered, for what is open and for all the rest. */
  readonly size: { readonly open: number; readonly kept: number }
}

/** One number of one cap. */
interface Limit {
  readonly reason: ReasonCode
  readonly rule: string
  /** None for a call that it does not count. */
  readonly keysOf: (call: BudgetedCall) => readonly string[]
  readonly full: (key: string, now: Moment) => number | undefined
  readonly enter: (key: string, now: Moment) => void
  readonly leave?: (key: string) => void
}

const secondMs = 1000
/** A session has no end that is known here: without any effect for so long, it begins anew. */
const sessionForgetMs = 86_400 * secondMs

/** The calls of one process: a grant counts before `take` returns, so no two calls share the last one. */
export function createBudgets(input: BudgetsInput, clock: Clock): LocalBudgets {
  const open: OpenCounts[] = []
  const kept: Tallies[] = []
  const counted: Counted = {
    open: () => added(open, new OpenCounts()),
    kept: (make) => added(kept, new Tallies(make, input.capacity ?? 50_000)),
  }
  const limits = [...loopLimits(input.loops, counted), ...input.caps.flatMap((cap) => limitsOf(cap, counted))]
  return {
    take: (call) => take(call, limits, { ms: clock.monotonic(), at: clock.now() }),
    get size() {
      return { open: sum(open), kept: sum(kept) }
    },
  }
}

function take(call: BudgetedCall, limits: readonly Limit[], now: Moment): Taken {
  const held = limits.flatMap((limit) => limit.keysOf(call).map((key) => ({ limit, key })))
  for (const { limit, key } of held) {
    const wait = limit.full(key, now)
    if (wait === undefined) continue
    const { reason, rule } = limit
    const retryAfter = Number.isFinite(wait) ? { retryAfter: Math.max(1, Math.ceil(wait)) } : {}
    return { effect: 'deny', reason, rule, ...retryAfter }
  }
  for (const { limit, key } of held) limit.enter(key, now)
  let released = false
  const release = (): void => {
    if (released) return
    released = true
    for (const { limit, key } of held) limit.leave?.(key)
  }
  return { effect: 'allow', release }
}

/** Where limits count. */
interface Counted {
  open(): OpenCounts
  kept(make: () => Tally): Tallies
}

function loopLimits(loops: BudgetsInput['loops'], counted: Counted): readonly Limit[] {
  if (loops === undefined) return []
  const rate = { count: loops.same, withinMs: loops.within * secondMs }
  const keysOf = ({ principal, sid, server, tool, digest }: BudgetedCall) => [
    joinKey(principalKey(principal), sid, server, tool, digest),
  ]
  return [tallied({ reason: 'call_repeated', rule: 'loops', keysOf }, () => windowTally(rate), counted)]
}

function limitsOf(cap: Cap, counted: Counted): readonly Limit[] {
  const { calls, concurrent, daily, effects, place } = cap
  const keysOf = keysFor(cap)
  const named = (name: string, reason: ReasonCode) => ({ reason, rule: `${place}.${name}`, keysOf })
  const limits: Limit[] = []
  if (concurrent !== undefined)
    limits.push(openLimit(named('concurrent', 'call_concurrent_exceeded'), concurrent, counted.open()))
  if (calls !== undefined)
    limits.push(tallied(named('calls', 'call_rate_exceeded'), () => windowTally(calls), counted))
  if (daily !== undefined)
    limits.push(tallied(named('daily', 'call_daily_exceeded'), () => dayTally(daily), counted))
  if (effects !== undefined) {
    const ofSession = cap.per.includes('session')
    const make = () => (ofSession ? totalTally(effects, sessionForgetMs) : dayTally(effects))
    const own = (call: BudgetedCall) =>
      call.class === 'write' || call.class === 'critical' ? keysOf(call) : []
    limits.push(tallied({ ...named('effects', 'call_effects_exceeded'), keysOf: own }, make, counted))
  }
  return limits
}

type Named = Pick<Limit, 'reason' | 'rule' | 'keysOf'>

function tallied(named: Named, make: () => Tally, counted: Counted): Limit {
  const kept = counted.kept(make)
  return { ...named, full: (key, now) => kept.full(key, now), enter: (key, now) => kept.add(key, now) }
}

/** Nobody knows when a call will end: another try a second later is soon enough. */
const openRetry = 1

function openLimit(named: Named, most: number, open: OpenCounts): Limit {
  return {
    ...named,
    full: (key) => (open.of(key) < most ? undefined : openRetry),
    enter: (key) => open.enter(key),
    leave: (key) => open.leave(key),
  }
}

const parts: Readonly<Record<CapKey, (call: BudgetedCall, downstream: string) => string>> = {
  principal: ({ principal }) => principalKey(principal),
  client: ({ client }) => client,
  tool: ({ server, tool }) => joinKey(server, tool),
  session: ({ sid }) => sid,
  server: ({ server }) => server,
  downstream: (_call, downstream) => downstream,
}

const once = ['']

function keysFor({ per, server }: Cap): Limit['keysOf'] {
  const apart = per.includes('downstream')
  return (call) => {
    if (server !== undefined && call.server !== server) return []
    const downstreams = apart ? call.downstreams : once
    return downstreams.map((name) => joinKey(...per.map((key) => parts[key](call, name))))
  }
}

function added<T>(list: T[], thing: T): T {
  list.push(thing)
  return thing
}

const sum = (all: readonly { readonly size: number }[]): number =>
  all.reduce((total, { size }) => total + size, 0)
