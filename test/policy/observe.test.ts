import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Facts, Matcher, RiskClass, Server } from '../../src/model/index.ts'
import { riskOrder } from '../../src/model/index.ts'
import { at, facts, operations, policyOf, tool } from './facts.ts'

const orders = [{ downstream: 'orders' }]
const tools = [
  tool('search', 'read', [{ downstream: 'orders', operation: 'GET /orders' }], {
    allow: [{ kind: 'group', value: 'sales' }],
  }),
  tool('order', 'write', [{ downstream: 'orders', operation: 'POST /orders' }], { allow: [] }),
  tool('any', 'write', [{ downstream: 'orders', operation: 'POST /orders' }]),
  tool('off', 'never', orders),
  tool('ask', 'read', orders, { confirm: 'Really?' }),
]
const observed: Partial<Server> = { tools, direct: orders, observe: true }

function called(name: string, more: Partial<Facts> = {}, server: Partial<Server> = {}): string {
  const decision = policyOf({ ...observed, ...server }).call(facts({ tool: name, arguments: {}, ...more }))
  if (decision.effect === 'deny') return decision.reason
  return decision.observed === undefined ? 'allow' : `passes ${decision.observed.reason} ${decision.rule}`
}

function done(name: string | undefined, op: string, more: Partial<Facts> = {}): string {
  const it = { operation: at(op), ...(name === undefined ? {} : { tool: name }), ...more }
  const decision = policyOf({ ...observed, direct: [] }).decide(facts(it))
  if (decision.effect === 'deny') return decision.reason
  return decision.permit.observed === undefined ? 'allow' : `passes ${decision.permit.observed.reason}`
}

describe('a server that is observed', () => {
  it('lets reads be called that rules would refuse, and tools without an entry, and says what would', () => {
    expect(called('search')).toBe('passes not_allowed servers.crm.mode')
    expect(called('new_tool')).toBe('passes tool_unknown servers.crm.mode')
    const deny: Matcher[] = [{ kind: 'tool', value: 'search' }]
    expect(called('search', {}, { deny })).toBe('passes denied_by_rule servers.crm.mode')
    expect(called('any')).toBe('allow')
  })

  it('holds writes, what is never called, what asks for people, and what is under review', () => {
    expect(called('order')).toBe('not_allowed')
    expect(called('off')).toBe('class_never')
    expect(called('ask')).toBe('tool_confirm_unavailable')
    expect(called('search', { underReview: true })).toBe('not_allowed')
    expect(called('new_tool', { underReview: true })).toBe('passes tool_unknown servers.crm.mode')
  })

  it('lets nobody in who may not come in at all', () => {
    expect(called('search', { groups: [] })).toBe('not_allowed')
    expect(called('new_tool', {}, { deny: [{ kind: 'client', value: 'desktop' }] })).toBe('denied_by_rule')
    const evil = { kind: 'user', tenant: 'evil', issuer: 'https://idp.example', subject: 'alice' } as const
    expect(called('new_tool', { principal: evil })).toBe('token_tenant_refused')
  })

  it('lets reads reach downstreams, in a call and without one, and no write', () => {
    expect(done('new_tool', 'GET /orders')).toBe('passes tool_unknown')
    expect(done('any', 'GET /orders')).toBe('passes tool_does_not_use')
    expect(done(undefined, 'GET /orders')).toBe('passes direct_not_listed')
    for (const op of ['POST /orders', 'POST /orders/{id}/refunds', 'GET /people/{id}', 'POST /graphql'])
      for (const name of ['new_tool', undefined]) expect(done(name, op)).not.toMatch(/allow|passes/)
    expect(done('new_tool', 'GET /orders', { audienceGranted: false })).toBe('downstream_not_granted')
  })

  it('never lets anything pass that is not a read, and everything that is enforced passes too', () => {
    const risk = fc.constantFrom<RiskClass>(...riskOrder)
    const about = fc.record({
      tool: fc.constantFrom(undefined, 'search', 'order', 'any', 'off', 'ask', 'new'),
      operation: fc.constantFrom(...operations, undefined),
      class: fc.option(risk, { nil: undefined }),
      groups: fc.subarray(['crm-users', 'sales']),
      groupsComplete: fc.boolean(),
      underReview: fc.constantFrom(true, undefined),
    })
    fc.assert(
      fc.property(about, (it) => {
        const asked = facts(Object.fromEntries(Object.entries(it).filter(([, value]) => value !== undefined)))
        const strict = policyOf({ tools, direct: orders }).decide(asked)
        const lenient = policyOf(observed).decide(asked)
        if (strict.effect === 'allow') expect(lenient.effect).toBe('allow')
        else if (lenient.effect === 'allow') {
          expect(lenient.permit.operation.class).toBe('read')
          expect(lenient.permit.observed).toEqual({ reason: strict.reason, rule: strict.rule })
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('is explained', () => {
    const it = policyOf(observed).explainCall(facts({ tool: 'new_tool', arguments: 'any' }))
    expect([it.decision, it.observed?.reason, it.steps.at(-1)?.held]).toEqual([
      'allow',
      'tool_unknown',
      false,
    ])
  })
})
