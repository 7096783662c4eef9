import { describe, expect, it } from 'vitest'
import type { Facts, Server } from '../../src/model/index.ts'
import { at, facts, issuer, policyOf, tool } from './facts.ts'

const listed: Partial<Server> = {
  direct: [{ downstream: 'orders' }, { downstream: 'orders', operation: 'POST /orders' }],
}

/** Reason and rule of a decision, as one text. */
function outcome(server: Partial<Server>, more: Partial<Facts>): string {
  const decision = policyOf(server).decide(facts(more))
  return `${decision.reason} by ${decision.rule}`
}

describe('what is refused at the server', () => {
  it.each<[string, Partial<Server>, Partial<Facts>, string]>([
    [
      'a principal of another tenant',
      listed,
      { principal: { kind: 'user', tenant: 'evil', issuer, subject: 'alice' } },
      'token_tenant_refused by tenant',
    ],
    ['a server that is not configured', listed, { server: 'other' }, 'server_unknown by servers'],
    [
      'a server named like a member of every object',
      listed,
      { server: 'constructor' },
      'server_unknown by servers',
    ],
    ['a principal whom no rule names', listed, { groups: ['sales'] }, 'not_allowed by servers.crm.allow'],
    ['everybody where nothing is allowed', { ...listed, allow: [] }, {}, 'not_allowed by servers.crm.allow'],
    [
      'an allowed principal whom a deny rule names: deny wins',
      { ...listed, deny: [{ kind: 'user', value: 'alice' }] },
      {},
      'denied_by_rule by servers.crm.deny[0]',
    ],
    [
      'a denied client',
      {
        ...listed,
        deny: [
          { kind: 'group', value: 'x' },
          { kind: 'client', value: 'desktop' },
        ],
      },
      {},
      'denied_by_rule by servers.crm.deny[1]',
    ],
    [
      'everybody by deny: anyone',
      { ...listed, deny: [{ kind: 'anyone' }] },
      {},
      'denied_by_rule by servers.crm.deny[0]',
    ],
    [
      'a denied group that cannot be ruled out',
      { ...listed, allow: [{ kind: 'anyone' }], deny: [{ kind: 'group', value: 'leavers' }] },
      { groupsComplete: false },
      'groups_incomplete by servers.crm.deny[0]',
    ],
    [
      'a denied group that is listed in a truncated list, by its name',
      { ...listed, allow: [{ kind: 'anyone' }], deny: [{ kind: 'group', value: 'crm-users' }] },
      { groupsComplete: false },
      'denied_by_rule by servers.crm.deny[0]',
    ],
    [
      'an allowed group in a truncated list',
      listed,
      { groupsComplete: false },
      'not_allowed by servers.crm.allow',
    ],
    [
      'a workload with the subject of an allowed user',
      { ...listed, allow: [{ kind: 'user', value: 'alice' }] },
      { principal: { kind: 'workload', tenant: 'acme', issuer, subject: 'alice' } },
      'not_allowed by servers.crm.allow',
    ],
    [
      'a user of another issuer with the allowed subject',
      { ...listed, allow: [{ kind: 'user', value: 'alice', issuer }] },
      { principal: { kind: 'user', tenant: 'acme', issuer: 'https://other.example', subject: 'alice' } },
      'not_allowed by servers.crm.allow',
    ],
  ])('refuses %s', (_, server, more, expected) => {
    expect(outcome(server, { operation: at('GET /orders'), ...more })).toBe(expected)
  })
})

describe('what is refused at the downstream', () => {
  it.each<[string, Partial<Server>, Partial<Facts>, string]>([
    [
      'a downstream that is not configured',
      listed,
      { downstream: 'other' },
      'downstream_unknown by downstreams',
    ],
    [
      'a downstream that the token does not name (RFC 8707 §2)',
      listed,
      { audienceGranted: false },
      'downstream_not_granted by downstreams.orders',
    ],
    [
      'an operation that is not configured',
      listed,
      { operation: { id: 'GET /secret', method: 'GET', path: '/secret', class: 'read' } },
      'operation_unknown by downstreams.orders.operations',
    ],
    [
      'an operation of class never',
      listed,
      { operation: at('POST /graphql') },
      'class_never by downstreams.orders.operations',
    ],
    [
      'an operation that the caller holds to be harmless and the configuration does not',
      listed,
      { operation: { ...at('POST /graphql'), class: 'read' } },
      'class_never by downstreams.orders.operations',
    ],
    [
      'an operation that the caller holds to be never and the configuration does not',
      listed,
      { operation: { ...at('GET /orders'), class: 'never' } },
      'class_never by downstreams.orders.operations',
    ],
    [
      'a sensitive read, listed or not',
      { direct: [{ downstream: 'orders', operation: 'GET /people/{id}' }] },
      { operation: at('GET /people/{id}') },
      'sensitive_needs_call by servers.crm.direct',
    ],
    [
      'everything without a tool by default',
      {},
      { operation: at('GET /orders') },
      'direct_not_listed by servers.crm.direct',
    ],
    [
      'a write that is not listed by its name',
      { direct: [{ downstream: 'orders' }] },
      { operation: at('POST /orders') },
      'direct_not_listed by servers.crm.direct',
    ],
    [
      'a read of a downstream that is not listed',
      { direct: [{ downstream: 'legacy' }] },
      { operation: at('GET /orders') },
      'direct_not_listed by servers.crm.direct',
    ],
    [
      'a critical operation without a call, even where listed',
      { direct: [{ downstream: 'orders', operation: 'POST /orders/{id}/refunds' }] },
      { operation: at('POST /orders/{id}/refunds') },
      'critical_needs_call by servers.crm.direct',
    ],
  ])('refuses %s', (_, server, more, expected) => {
    expect(outcome(server, { operation: at('GET /orders'), ...more })).toBe(expected)
  })

  it('refuses facts without a downstream, an operation or an audience', () => {
    const { downstream: _, ...noDownstream } = facts({ operation: at('GET /orders') })
    const { audienceGranted: __, ...noAudience } = facts({ operation: at('GET /orders') })
    expect(policyOf(listed).decide(noDownstream).reason).toBe('downstream_unknown')
    expect(policyOf(listed).decide(noAudience).reason).toBe('downstream_not_granted')
    expect(policyOf(listed).decide(facts()).reason).toBe('operation_unknown')
  })
})

describe('what is refused within a tool', () => {
  const refund = { downstream: 'orders', operation: 'POST /orders/{id}/refunds' }
  const tools = [
    tool('search', 'read', [{ downstream: 'orders' }]),
    tool('order', 'write', [{ downstream: 'orders', operation: 'POST /orders' }]),
    tool('shy', 'write', [{ downstream: 'orders' }], { allow: [] }),
    tool('ask', 'write', [{ downstream: 'orders' }], { confirm: 'Really?' }),
    tool('vote', 'critical', [refund], { confirm: 'x', approve: { by: 'finance', people: 2 } }),
    tool('off', 'never', [{ downstream: 'orders' }]),
    tool('people', 'read-sensitive', [{ downstream: 'orders' }]),
    tool('refund', 'critical', [refund]),
    tool('rewrite', 'write', [refund]),
  ]
  const place = 'servers.crm.tools'

  it.each<[string, Partial<Facts>, string]>([
    ['a tool that is not configured', { tool: 'other' }, `tool_unknown by ${place}`],
    ['a principal whom the tool does not allow', { tool: 'shy' }, `not_allowed by ${place}.shy.allow`],
    [
      'an operation that the tool does not use',
      { tool: 'order' },
      `tool_does_not_use by ${place}.order.uses`,
    ],
    [
      'an operation above the class of the tool',
      { tool: 'search', operation: at('POST /orders') },
      `class_exceeded by ${place}.search.class`,
    ],
    [
      'an operation one class above the tool',
      { tool: 'rewrite', operation: at('POST /orders/{id}/refunds') },
      `class_exceeded by ${place}.rewrite.class`,
    ],
    [
      'an operation above the class that the call carries',
      { tool: 'order', operation: at('POST /orders'), class: 'read' },
      `class_exceeded by ${place}.order.class`,
    ],
    [
      'a call that carries a higher class than its tool has',
      { tool: 'search', operation: at('POST /orders'), class: 'critical' },
      `class_exceeded by ${place}.search.class`,
    ],
    [
      'a call that carries class never',
      { tool: 'search', class: 'never' },
      `class_never by ${place}.search.class`,
    ],
    ['a tool of class never', { tool: 'off' }, `class_never by ${place}.off.class`],
    ['a tool of class read-sensitive', { tool: 'people' }, `sensitive_needs_group by ${place}.people.allow`],
    [
      'a tool that asks for confirmation',
      { tool: 'ask' },
      `tool_confirm_unavailable by ${place}.ask.confirm`,
    ],
    [
      'a tool that asks for approval, whatever the caller says about one',
      { tool: 'vote', operation: at('POST /orders/{id}/refunds'), approval: 'a1' },
      `tool_approval_unavailable by ${place}.vote.approve`,
    ],
  ])('refuses %s', (_, more, expected) => {
    expect(outcome({ tools }, { operation: at('GET /orders'), ...more })).toBe(expected)
  })

  it('permits what the tool uses within its class, also where direct permits nothing', () => {
    const use = `${place}.search.uses[0]`
    expect(outcome({ tools }, { tool: 'search', operation: at('GET /orders/{id}') })).toBe(
      `allowed by ${use}`,
    )
    const critical = { tool: 'refund', operation: at('POST /orders/{id}/refunds') }
    expect(outcome({ tools }, critical)).toBe(`allowed by ${place}.refund.uses[0]`)
  })
})

describe('what is permitted', () => {
  it('permits a listed read and a listed write, by the entry that lists it', () => {
    expect(outcome(listed, { operation: at('GET /orders/{id}') })).toBe('allowed by servers.crm.direct[0]')
    expect(outcome(listed, { operation: at('POST /orders') })).toBe('allowed by servers.crm.direct[1]')
  })

  it('gives a permit with the facts, the configured operation and the version that decided', () => {
    const given = facts({ operation: at('GET /orders') })
    const decision = policyOf(listed).decide(given)
    expect(decision.effect === 'allow' && decision.permit).toMatchObject({
      facts: given,
      operation: at('GET /orders'),
      rule: 'servers.crm.direct[0]',
      policy: '0123456789abcdef',
      downstream: { name: 'orders' },
    })
  })
})

describe('admission', () => {
  const used: Partial<Server> = {
    direct: [{ downstream: 'orders' }],
    tools: [tool('t', 'read', [{ downstream: 'legacy' }])],
  }

  it('refuses a session where the server refuses the principal', () => {
    expect(policyOf(used).admit(facts({ groups: [] }), ['orders'])).toEqual({
      effect: 'deny',
      reason: 'not_allowed',
      rule: 'servers.crm.allow',
    })
  })

  it('leaves out downstreams that neither direct nor a tool uses', () => {
    const decision = policyOf({ direct: [{ downstream: 'orders' }] }).admit(facts(), [
      'legacy',
      'orders',
      'other',
    ])
    expect(decision).toEqual({
      effect: 'allow',
      permit: ['orders'],
      reason: 'allowed',
      rule: 'servers.crm.allow[0]',
    })
  })

  it('names all that a server reaches, by direct and by tools', () => {
    expect(policyOf(used).reachable('crm')).toEqual(['legacy', 'orders'])
    expect(policyOf(used).reachable('other')).toEqual([])
  })
})

describe('explanations', () => {
  it('show each step, and end at the one that did not hold', () => {
    const explained = policyOf(listed).explain(facts({ operation: at('POST /graphql') }))
    expect(explained).toMatchObject({
      decision: 'deny',
      reason: 'class_never',
      rule: 'downstreams.orders.operations',
      policy: '0123456789abcdef',
    })
    expect(explained.steps.map((step) => `${step.step}: ${step.held}`)).toEqual([
      'tenant: true',
      'server: true',
      'deny rules: true',
      'allow rules: true',
      'downstream: true',
      'token: true',
      'operation: true',
      'class: false',
    ])
  })
})
