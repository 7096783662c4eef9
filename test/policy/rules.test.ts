import { describe, expect, it } from 'vitest'
import type { Facts, Matcher, ParameterTest, Server } from '../../src/model/index.ts'
import { at, facts, policyOf, tool } from './facts.ts'

const orders = [{ downstream: 'orders' }]
const tools = [
  tool('search', 'read', orders, { labels: ['pii'] }),
  tool('refund', 'critical', orders),
  tool('people', 'read-sensitive', orders, { allow: [{ kind: 'group', value: 'hr' }] }),
]
const all = (...of: readonly Matcher[]): Matcher => ({ kind: 'all', of })
const any = (...of: readonly Matcher[]): Matcher => ({ kind: 'any', of })
const amount = (...tests: readonly ParameterTest[]): Matcher => ({
  kind: 'parameter',
  pointer: ['amount'],
  tests,
})
const above = (value: number) => amount({ test: 'above', value })

function called(server: Partial<Server>, more: Partial<Facts>): string {
  const decision = policyOf({ tools, environment: 'production', ...server }).call(
    facts({ tool: 'refund', arguments: { amount: 100 }, ...more }),
  )
  return decision.effect === 'allow' ? 'allow' : `${decision.reason} by ${decision.rule}`
}
const denied = 'denied_by_rule by servers.crm.deny[0]'
const unclear = 'fact_absent by servers.crm.deny[0]'

describe('rules on what is called', () => {
  it.each<[string, Matcher, Partial<Facts>, string]>([
    ['a class', { kind: 'class', value: 'critical' }, {}, denied],
    ['another class', { kind: 'class', value: 'write' }, {}, 'allow'],
    ['a tool', { kind: 'tool', value: 'refund' }, {}, denied],
    ['another tool', { kind: 'tool', value: 'search' }, {}, 'allow'],
    ['a label', { kind: 'label', value: 'pii' }, { tool: 'search' }, denied],
    ['a label that the tool does not have', { kind: 'label', value: 'pii' }, {}, 'allow'],
    ['the environment', { kind: 'environment', value: 'production' }, {}, denied],
    ['another environment', { kind: 'environment', value: 'test' }, {}, 'allow'],
    ['the tenant', { kind: 'tenant', value: 'acme' }, {}, denied],
    ['a workflow', { kind: 'workflow', value: 'ci' }, { workflow: 'ci' }, denied],
    ['another workflow', { kind: 'workflow', value: 'ci' }, { workflow: 'cd' }, 'allow'],
    ['a workflow, of somebody who is in none that is known', { kind: 'workflow', value: 'ci' }, {}, unclear],
    ['all of two that hold', all({ kind: 'client', value: 'desktop' }, above(50)), {}, denied],
    ['all of two of which one does not hold', all({ kind: 'client', value: 'x' }, above(50)), {}, 'allow'],
    ['any of two', any({ kind: 'client', value: 'x' }, { kind: 'tool', value: 'refund' }), {}, denied],
    [
      'what cannot be told beside what does not hold',
      all({ kind: 'workflow', value: 'ci' }, { kind: 'client', value: 'x' }),
      {},
      'allow',
    ],
  ])('deny by %s', (_, rule, more, expected) => {
    expect(called({ deny: [rule] }, more)).toBe(expected)
  })

  it.each<[string, Matcher, Facts['arguments'], string]>([
    ['above, at the bound', above(100), { amount: 100 }, 'allow'],
    ['above', above(99.99), { amount: 100 }, denied],
    ['below', amount({ test: 'below', value: 0 }), { amount: -1 }, denied],
    ['at least', amount({ test: 'least', value: 100 }), { amount: 100 }, denied],
    ['at most', amount({ test: 'most', value: 100 }), { amount: 101 }, 'allow'],
    ['a range', amount({ test: 'above', value: 1 }, { test: 'below', value: 9 }), { amount: 5 }, denied],
    ['one of', amount({ test: 'in', values: [1, 5] }), { amount: 5 }, denied],
    ['none of', amount({ test: 'in', values: [1, 5] }), { amount: 6 }, 'allow'],
    ['a text that begins so', amount({ test: 'begins', value: 'EUR ' }), { amount: 'EUR 5' }, denied],
    ['what must not be there', amount({ test: 'present', value: true }), { amount: null }, denied],
    ['what must be there', amount({ test: 'present', value: false }), {}, denied],
    ['a number written as text', above(500), { amount: '600' }, unclear],
    ['a list', above(500), { amount: [600] }, unclear],
    ['a text where a number is asked for', amount({ test: 'in', values: [5] }), { amount: '5' }, unclear],
    ['a parameter that is not there', above(500), {}, unclear],
    ['parameters that nobody said', above(500), undefined, unclear],
    ['some parameters, as a list asks', above(500), 'any', 'allow'],
    ['a member of every object', { ...above(0), pointer: ['constructor'] } as Matcher, {}, unclear],
  ])('deny by a parameter: %s', (_, rule, args, expected) => {
    const { arguments: __, ...bare } = facts({ tool: 'refund' })
    const asked = args === undefined ? bare : { ...bare, arguments: args }
    const decision = policyOf({ tools, deny: [rule] }).call(asked)
    expect(decision.effect === 'allow' ? 'allow' : `${decision.reason} by ${decision.rule}`).toBe(expected)
  })

  it('allow only what is surely met', () => {
    const allow = [all({ kind: 'group', value: 'crm-users' }, above(50))]
    expect(called({ allow }, {})).toBe('allow')
    for (const args of [{ amount: 50 }, {}, { amount: '100' }])
      expect(called({ allow }, { arguments: args })).toBe('not_allowed by servers.crm.allow')
    expect(called({ allow: [{ kind: 'workflow', value: 'ci' }] }, {})).toBe(
      'not_allowed by servers.crm.allow',
    )
  })

  it('of a tool count besides those of its server, and deny wins', () => {
    const own = (more: object) => ({ tools: [tool('refund', 'critical', orders, more)] })
    expect(called(own({ deny: [above(50)] }), {})).toBe('denied_by_rule by servers.crm.tools.refund.deny[0]')
    expect(called(own({ deny: [above(500)] }), {})).toBe('allow')
    expect(called(own({ allow: [above(500)] }), {})).toBe('not_allowed by servers.crm.tools.refund.allow')
  })

  it('hold at the egress too, where a request of the call is decided', () => {
    const policy = policyOf({ tools, deny: [above(50)] })
    const asked = facts({ tool: 'refund', operation: at('GET /orders'), arguments: { amount: 60 } })
    expect(policy.decide(asked).reason).toBe('denied_by_rule')
    expect(policy.decide({ ...asked, arguments: { amount: 40 } }).effect).toBe('allow')
  })
})

describe('rules on what is done without a tool', () => {
  const direct = [{ downstream: 'orders' }, { downstream: 'orders', operation: 'POST /orders' }]
  const done = (server: Partial<Server>, op: string) =>
    policyOf({ direct, tools, ...server }).decide(facts({ operation: at(op) })).reason

  it('name the class of the operation', () => {
    const deny: Matcher[] = [{ kind: 'class', value: 'write' }]
    expect(done({ deny }, 'POST /orders')).toBe('denied_by_rule')
    expect(done({ deny }, 'GET /orders')).toBe('allowed')
    const allow: Matcher[] = [{ kind: 'class', value: 'read' }]
    expect(done({ allow }, 'GET /orders')).toBe('allowed')
    expect(done({ allow }, 'POST /orders')).toBe('not_allowed')
  })

  it('are not met by tools, labels and parameters, so none of them allows it', () => {
    for (const rule of [
      { kind: 'tool', value: 'search' },
      { kind: 'label', value: 'pii' },
      above(1),
    ] as Matcher[]) {
      expect(done({ allow: [rule] }, 'GET /orders')).toBe('not_allowed')
      expect(done({ deny: [rule] }, 'GET /orders')).toBe('allowed')
    }
  })

  it('leave a session to whoever may do something in it', () => {
    const admit = (server: Partial<Server>) => policyOf(server).admit(facts(), []).reason
    expect(admit({ allow: [{ kind: 'class', value: 'read' }] })).toBe('allowed')
    expect(admit({ deny: [{ kind: 'class', value: 'write' }] })).toBe('allowed')
    expect(admit({ allow: [all({ kind: 'class', value: 'read' }, { kind: 'group', value: 'x' })] })).toBe(
      'not_allowed',
    )
  })

  it('deny a tunnel by any class, because nobody knows what goes through it', () => {
    const connect = (server: Partial<Server>) =>
      policyOf({ connect: ['x.example:443'], ...server }).connect(facts(), 'x.example:443').reason
    expect(connect({})).toBe('allowed')
    expect(connect({ deny: [{ kind: 'class', value: 'write' }] })).toBe('fact_absent')
    expect(connect({ allow: [{ kind: 'class', value: 'read' }] })).toBe('not_allowed')
  })
})

describe('what is read-sensitive', () => {
  const hr = { groups: ['crm-users', 'hr'] }
  const reading = (more: Partial<Facts>, server: Partial<Server> = {}) =>
    policyOf({ tools, ...server }).decide(
      facts({ operation: at('GET /people/{id}'), tool: 'people', ...more }),
    ).reason

  it('is for the group that the tool names', () => {
    expect(reading(hr)).toBe('allowed')
    expect(reading({})).toBe('not_allowed')
    expect(called({}, { tool: 'people', ...hr })).toBe('allow')
  })

  it('is for nobody where the tool names no group, whatever its class', () => {
    for (const [risk, allow] of [
      ['read-sensitive', undefined],
      ['read-sensitive', [{ kind: 'anyone' }]],
      ['critical', [{ kind: 'user', value: 'alice' }]],
      ['critical', [any({ kind: 'group', value: 'hr' }, { kind: 'user', value: 'alice' })]],
    ] as const) {
      const own = [tool('people', risk, orders, allow === undefined ? {} : { allow })]
      expect(reading(hr, { tools: own })).toBe('sensitive_needs_group')
    }
  })

  it('is done by a tool of a later class where its own rule names a group', () => {
    const own = [tool('people', 'critical', orders, { allow: [{ kind: 'group', value: 'hr' }] })]
    expect(reading(hr, { tools: own })).toBe('allowed')
  })
})

describe('explain', () => {
  it('says what a rule of several conditions asks for', () => {
    const rule = all({ kind: 'group', value: 'crm-users' }, any({ kind: 'tool', value: 'refund' }), above(50))
    const { steps } = policyOf({ tools, deny: [rule] }).explainCall(
      facts({ tool: 'refund', arguments: { amount: 60 } }),
    )
    expect(steps.at(-1)).toEqual({
      step: 'deny rules',
      held: false,
      note: 'servers.crm.deny[0] (group:crm-users and (tool:refund) and amount is above 50) is met',
    })
  })
})
