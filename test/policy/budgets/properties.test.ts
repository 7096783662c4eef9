/** Budgets against a model that remembers every call and counts them all each time. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BudgetedCall, type Cap, createBudgets, type Taken } from '../../../src/policy/index.ts'
import { seconds } from '../../../src/model/index.ts'
import { call, handClock } from './calls.ts'

const cap: Cap = {
  place: 'caps[0]',
  per: ['principal', 'tool'],
  calls: { count: 3, withinMs: 10_000 },
  concurrent: 2,
  daily: 9,
  effects: 4,
}
const loops = { same: 2, within: seconds(5) }

interface Made {
  readonly call: BudgetedCall
  readonly at: number
  open: boolean
}

const ofCap = ({ principal, tool }: BudgetedCall): string => `${principal.subject} ${tool}`
const ofLoop = (it: BudgetedCall): string => `${ofCap(it)} ${it.digest}`
const day = (ms: number): number => Math.floor(ms / 86_400_000)
const changes = ({ class: risk }: BudgetedCall): boolean => risk === 'write'

/** Why the model refuses: `slack` widens windows by the part by which ours may be too strict, and never too lax. */
function refusals(
  made: readonly Made[],
  wanted: BudgetedCall,
  now: number,
  slack: number,
): readonly string[] {
  const mine = made.filter((it) => ofCap(it.call) === ofCap(wanted))
  const same = made.filter((it) => ofLoop(it.call) === ofLoop(wanted))
  const within = (list: readonly Made[], ms: number) =>
    list.filter(({ at }) => at > now - ms * (1 + slack)).length
  const today = mine.filter(({ at }) => day(at) === day(now))
  const reasons: readonly (readonly [string, boolean])[] = [
    ['call_repeated', within(same, 5000) >= 2],
    ['call_concurrent_exceeded', mine.filter(({ open }) => open).length >= 2],
    ['call_rate_exceeded', within(mine, 10_000) >= 3],
    ['call_daily_exceeded', today.length >= 9],
    ['call_effects_exceeded', changes(wanted) && today.filter((it) => changes(it.call)).length >= 4],
  ]
  return reasons.filter(([, full]) => full).map(([reason]) => reason)
}

const anyCall = fc
  .record({
    subject: fc.constantFrom('alice', 'bob'),
    tool: fc.constantFrom('search', 'search', 'refund'),
    class: fc.constantFrom('read' as const, 'write' as const),
    digest: fc.constantFrom('a', 'b', 'c'),
  })
  .map(call)
const wait = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 4000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 3_600_000, max: 90_000_000 }) },
)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const), call: anyCall }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: wait }) },
)

/** Runs the steps on both; what comes of every `take` is handed to `judge`. */
function run(
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  judge: (taken: Taken, made: readonly Made[], wanted: BudgetedCall, now: number) => void,
) {
  const clock = handClock()
  const budgets = createBudgets({ caps: [cap], loops }, clock)
  const made: Made[] = []
  const open: { readonly made: Made; readonly release: () => void }[] = []
  for (const it of steps) {
    if (it.kind === 'wait') clock.advance(it.ms)
    else if (it.kind === 'take') {
      const taken = budgets.take(it.call)
      judge(taken, made, it.call, clock.ms)
      if (taken.effect === 'deny') continue
      const one = { call: it.call, at: clock.ms, open: true }
      made.push(one)
      open.push({ made: one, release: taken.release })
    } else {
      const one = open[it.which % Math.max(1, open.length)]
      one?.release()
      if (one !== undefined) one.made.open = false
    }
  }
  for (const { release } of open) release()
  return budgets
}

describe('budgets', () => {
  it('allow no more than a model that remembers everything, and refuse no more than a slot early', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        run(steps, (taken, made, wanted, now) => {
          if (taken.effect === 'allow') expect(refusals(made, wanted, now, 0)).toEqual([])
          else expect(refusals(made, wanted, now, 1 / 64)).toContain(taken.reason)
        })
      }),
      { numRuns: 500 },
    )
  })

  it('let no window hold more, wherever it begins, however greedily they are asked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 50, maxLength: 300 }),
        (count, waits) => {
          const clock = handClock()
          const rate = { count, withinMs: 1000 }
          const budgets = createBudgets({ caps: [{ place: 'caps[0]', per: ['client'], calls: rate }] }, clock)
          const made: number[] = []
          for (const ms of waits) {
            clock.advance(ms)
            if (budgets.take(call()).effect === 'allow') made.push(clock.ms)
          }
          for (const [index, at] of made.entries())
            expect((made[index + count] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThanOrEqual(1000)
        },
      ),
    )
  })

  it('have nothing open once every call has ended, however often that is said', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        expect(run(steps, () => undefined).size.open).toBe(0)
      }),
    )
  })

  it('let a call through again when they said that it may come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 3600 }),
        fc.array(fc.nat({ max: 5000 }), { maxLength: 80 }),
        (count, within, waits) => {
          const clock = handClock()
          const rate = { count, withinMs: within * 1000 }
          const budgets = createBudgets({ caps: [{ place: 'caps[0]', per: ['client'], calls: rate }] }, clock)
          for (const ms of waits) {
            clock.advance(ms)
            const taken = budgets.take(call())
            if (taken.effect === 'allow') continue
            clock.advance((taken.retryAfter ?? 0) * 1000)
            expect(budgets.take(call()).effect).toBe('allow')
          }
        },
      ),
    )
  })

  it('remember no more keys than they may, and every open call', () => {
    const capacity = 5
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40 }), { minLength: 20, maxLength: 200 }), (subjects) => {
        const both: Cap = { place: 'caps[0]', per: ['principal'], daily: 1_000_000, concurrent: 1 }
        const budgets = createBudgets({ caps: [both], capacity }, handClock())
        const releases: (() => void)[] = []
        const seen = new Set<number>()
        for (const subject of subjects) {
          const taken = budgets.take(call({ subject: String(subject) }))
          expect(taken.effect).toBe(seen.has(subject) ? 'deny' : 'allow')
          seen.add(subject)
          if (taken.effect === 'allow') releases.push(taken.release)
          expect(budgets.size.kept).toBeLessThanOrEqual(capacity)
        }
        expect(budgets.size.open).toBe(seen.size)
        for (const release of releases) release()
        expect(budgets.size.open).toBe(0)
      }),
    )
  })
})
