import { describe, expect, it } from 'vitest'
import { seconds } from '../../../src/model/index.ts'
import { type BudgetsInput, type Cap, createBudgets } from '../../../src/policy/index.ts'
import { call, handClock } from './calls.ts'

const cap = (more: Partial<Cap>): Cap => ({ place: 'caps[0]', per: ['principal'], ...more })

function open(input: Partial<BudgetsInput>) {
  const clock = handClock(Date.UTC(2026, 0, 15, 12))
  const budgets = createBudgets({ caps: [], ...input }, clock)
  const effects = (count: number, more: Parameters<typeof call>[0] = {}) =>
    Array.from({ length: count }, () => budgets.take(call(more)).effect).join(' ')
  return { clock, budgets, effects }
}

describe('a cap', () => {
  it('counts apart what its per names, and together what it does not', () => {
    const { effects } = open({ caps: [cap({ per: ['principal', 'tool'], daily: 1 })] })
    expect(effects(2)).toBe('allow deny')
    expect(effects(1, { client: 'other', sid: 'other' })).toBe('deny')
    expect(effects(1, { tool: 'refund' })).toBe('allow')
    expect(effects(1, { subject: 'bob' })).toBe('allow')
  })

  it('of a server does not count the calls of another', () => {
    const { effects } = open({ caps: [cap({ server: 'crm', daily: 1 })] })
    expect(effects(3, { server: 'billing' })).toBe('allow allow allow')
    expect(effects(2)).toBe('allow deny')
  })

  it('keeps tools of one name at two servers apart', () => {
    const { effects } = open({ caps: [cap({ per: ['tool'], daily: 1 })] })
    expect(effects(1)).toBe('allow')
    expect(effects(1, { server: 'billing' })).toBe('allow')
  })

  it('names the rule and when to come again', () => {
    const { budgets, effects } = open({ caps: [cap({ calls: { count: 2, withinMs: 60_000 } })] })
    expect(effects(2)).toBe('allow allow')
    expect(budgets.take(call())).toEqual({
      effect: 'deny',
      reason: 'call_rate_exceeded',
      rule: 'caps[0].calls',
      retryAfter: 61,
    })
  })

  it('counts a day of UTC', () => {
    const { budgets, clock, effects } = open({ caps: [cap({ daily: 1 })] })
    expect(effects(1)).toBe('allow')
    expect(budgets.take(call())).toMatchObject({ reason: 'call_daily_exceeded', retryAfter: 43_200 })
    clock.advance(43_199_000)
    expect(effects(1)).toBe('deny')
    clock.advance(1000)
    expect(effects(2)).toBe('allow deny')
    // A clock that is set back does not make it another day.
    clock.advance(-86_400_000)
    expect(effects(1)).toBe('deny')
  })

  it('counts effects of a session as long as it goes on, and reads never', () => {
    const { budgets, clock, effects } = open({ caps: [cap({ per: ['session'], effects: 2 })] })
    expect(effects(3, { class: 'write' })).toBe('allow allow deny')
    clock.advance(86_399_000)
    expect(budgets.take(call({ class: 'critical' }))).toEqual({
      effect: 'deny',
      reason: 'call_effects_exceeded',
      rule: 'caps[0].effects',
    })
    expect(effects(2)).toBe('allow allow')
    expect(effects(1, { class: 'write', sid: 'another' })).toBe('allow')
    clock.advance(1000)
    expect(effects(1, { class: 'write' })).toBe('allow')
  })

  it('counts effects of anything else by the day', () => {
    const { clock, effects } = open({ caps: [cap({ effects: 1 })] })
    expect(effects(2, { class: 'write' })).toBe('allow deny')
    clock.advance(43_200_000)
    expect(effects(1, { class: 'write' })).toBe('allow')
  })

  it('counts a call once for each downstream of its tool, and is refused where one of them is full', () => {
    const { budgets, effects } = open({ caps: [cap({ per: ['downstream'], concurrent: 2 })] })
    const both = budgets.take(call({ downstreams: ['orders', 'mail'] }))
    expect(effects(2)).toBe('allow deny')
    expect(effects(1, { downstreams: ['mail', 'orders'] })).toBe('deny')
    expect(effects(2, { downstreams: ['mail'] })).toBe('allow deny')
    expect(effects(3, { downstreams: [] })).toBe('allow allow allow')
    if (both.effect === 'allow') both.release()
    expect(effects(1, { downstreams: ['mail', 'orders'] })).toBe('allow')
  })

  it('holds no call to a number that another cap had refused it by', () => {
    const tight = cap({ per: ['tool'], concurrent: 1 })
    const { budgets, effects } = open({ caps: [cap({ daily: 2 }), { ...tight, place: 'caps[1]' }] })
    const first = budgets.take(call())
    expect(effects(5)).toBe('deny deny deny deny deny')
    if (first.effect === 'allow') first.release()
    expect(budgets.take(call()).effect).toBe('allow')
  })
})

describe('loops', () => {
  it('are the same call of the same session', () => {
    const { budgets, clock, effects } = open({ loops: { same: 2, within: seconds(60) } })
    expect(effects(2)).toBe('allow allow')
    expect(budgets.take(call())).toMatchObject({ reason: 'call_repeated', rule: 'loops' })
    for (const other of [{ digest: 'b' }, { tool: 'x' }, { sid: 'y' }, { server: 'z' }, { subject: 'bob' }])
      expect(effects(1, other)).toBe('allow')
    clock.advance(61_000)
    expect(effects(1)).toBe('allow')
  })
})

describe('what is remembered', () => {
  it('goes when it counts no more', () => {
    const { budgets, clock, effects } = open({ loops: { same: 20, within: seconds(60) } })
    for (let digest = 0; digest < 100; digest++) effects(1, { digest: String(digest) })
    expect(budgets.size.kept).toBe(100)
    clock.advance(120_000)
    for (let digest = 0; digest < 60; digest++) effects(1, { digest: `later ${digest}` })
    expect(budgets.size.kept).toBe(60)
  })
})
