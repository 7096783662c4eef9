import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Facts, Matcher, ParameterTest, RiskClass, Server, Use } from '../../src/model/index.ts'
import { errorTable, riskOrder } from '../../src/model/index.ts'
import { compilePolicy } from '../../src/policy/index.ts'
import { downstream, facts, operation, operations, policyOf, server, tool } from './facts.ts'

const name = fc.constantFrom('alice', 'bob', 'crm-users', 'leavers', 'desktop')
const matcher: fc.Arbitrary<Matcher> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('group' as const, 'user' as const, 'client' as const, 'workload' as const),
    value: name,
  }),
  fc.constant<Matcher>({ kind: 'anyone' }),
)
const anyone: Matcher = { kind: 'anyone' }
const number = fc.constantFrom(1, 5, 9)
const parameterTest: fc.Arbitrary<ParameterTest> = fc.oneof(
  fc.record({ test: fc.constantFrom('above' as const, 'below' as const, 'least' as const), value: number }),
  fc.record({ test: fc.constant('in' as const), values: fc.array(fc.oneof(number, name), { maxLength: 2 }) }),
  fc.record({ test: fc.constant('begins' as const), value: fc.constantFrom('a', 'crm') }),
  fc.record({ test: fc.constant('present' as const), value: fc.boolean() }),
)
const leaf: fc.Arbitrary<Matcher> = fc.oneof(
  matcher,
  fc.record({ kind: fc.constant('workflow' as const), value: fc.constantFrom('ci', 'release') }),
  fc.record({ kind: fc.constant('environment' as const), value: fc.constantFrom('production', 'test') }),
  fc.record({ kind: fc.constantFrom('label' as const, 'tool' as const), value: fc.constantFrom('t', 'pii') }),
  fc.record({ kind: fc.constant('class' as const), value: fc.constantFrom<RiskClass>(...riskOrder) }),
  fc.record({
    kind: fc.constant('parameter' as const),
    pointer: fc.constantFrom(['amount'], ['who']),
    tests: fc.array(parameterTest, { minLength: 1, maxLength: 2 }),
  }),
)
const composed: fc.Arbitrary<Matcher> = fc.letrec<{ rule: Matcher }>((tie) => ({
  rule: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.record({
      kind: fc.constantFrom('all' as const, 'any' as const),
      of: fc.array(tie('rule'), { maxLength: 3 }),
    }),
  ),
})).rule
const allowOf = (one: fc.Arbitrary<Matcher>) =>
  fc.oneof(fc.constant([anyone]), fc.array(one, { maxLength: 4 }))
const denyOf = (one: fc.Arbitrary<Matcher>) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(one, { maxLength: 3 }) },
  )
const risk = fc.constantFrom<RiskClass>(...riskOrder)
const use: fc.Arbitrary<Use> = fc.oneof(
  fc.record({ downstream: fc.constantFrom('orders', 'orders', 'legacy', 'other') }),
  fc.record({
    downstream: fc.constant('orders'),
    operation: fc.constantFrom(...operations.map((it) => it.id)),
  }),
)
const uses = fc.array(use, { maxLength: 4 })
/** Mostly absent, so that decisions get past it. */
const rarely = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 })
const tools = fc
  .record({
    risk,
    uses,
    allow: rarely(allowOf(composed)),
    deny: denyOf(composed),
    confirm: fc.integer({ min: 0, max: 9 }),
    labels: fc.constantFrom([], ['pii']),
  })
  .map(({ risk: own, uses: used, allow: who, confirm, deny, labels }) => [
    tool('t', own, used, {
      deny,
      labels,
      ...(who === undefined ? {} : { allow: who }),
      ...(confirm === 0 ? { confirm: '?' } : {}),
      ...(confirm === 1 ? { approve: { by: 'x', people: 1 } } : {}),
    }),
  ])
const serverOf = (one: fc.Arbitrary<Matcher>): fc.Arbitrary<Partial<Server>> =>
  fc.record({
    allow: allowOf(one),
    deny: denyOf(one),
    direct: uses,
    tools,
    environment: fc.constant('production'),
  })
const anyServer = serverOf(composed)
/** Whose rules name people only. */
const plainServer = serverOf(matcher)
const anyFacts: fc.Arbitrary<Facts> = fc
  .record({
    principal: fc.record({
      kind: fc.constantFrom('user' as const, 'user' as const, 'workload' as const),
      tenant: fc.constantFrom('acme', 'acme', 'acme', 'acme', 'evil'),
      issuer: fc.constant('https://idp.example'),
      subject: name,
    }),
    client: name,
    server: fc.constantFrom('crm', 'crm', 'crm', 'crm', 'other'),
    groups: fc.array(name, { maxLength: 3 }),
    groupsComplete: fc.constantFrom(true, true, false),
    downstream: fc.constantFrom('orders', 'orders', 'orders', 'legacy', 'other', undefined),
    operation: fc.constantFrom(...operations, operation('GET /new', 'read'), undefined),
    tool: fc.constantFrom('t', 't', undefined, undefined, 'other'),
    workflow: fc.constantFrom('ci', 'release', undefined),
    arguments: fc.oneof(
      fc.constant(undefined),
      fc.dictionary(fc.constantFrom('amount', 'who'), fc.oneof(number, name)),
    ),
    class: fc.option(risk, { nil: undefined, freq: 2 }),
    audienceGranted: fc.constantFrom(true, true, true, true, false, undefined),
  })
  .map(present)

/** The facts without the members that are undefined. */
function present(given: { [Key in keyof Facts]: Facts[Key] | undefined }): Facts {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as unknown as Facts
}

const without = <T>(list: readonly T[], index: number): T[] =>
  list.filter((_, at) => at !== index % Math.max(1, list.length))
const allows = (it: Partial<Server>, about: Facts) => policyOf(it).decide(about).effect === 'allow'

beforeAll(() => fc.configureGlobal({ numRuns: 1000 }))

describe('decide', () => {
  it('is total: every facts under every policy give an outcome of the table, and a rule', () => {
    fc.assert(
      fc.property(anyServer, anyFacts, (it, about) => {
        const decision = policyOf(it).decide(about)
        expect(Object.hasOwn(errorTable, decision.reason)).toBe(true)
        expect(decision.rule).not.toBe('')
        expect(decision.effect === 'allow').toBe(decision.reason === 'allowed')
      }),
    )
  })

  it('says the same as explain, with the same reason and rule', () => {
    fc.assert(
      fc.property(anyServer, anyFacts, (it, about) => {
        const decision = policyOf(it).decide(about)
        const explained = policyOf(it).explain(about)
        expect([explained.decision, explained.reason, explained.rule]).toEqual([
          decision.effect,
          decision.reason,
          decision.rule,
        ])
        expect(explained.steps.filter((step) => !step.held)).toHaveLength(decision.effect === 'deny' ? 1 : 0)
        expect(explained.steps.at(-1)?.held).toBe(decision.effect === 'allow')
        expect(explained.remedy !== undefined).toBe(decision.effect === 'deny')
      }),
    )
  })

  it('lets deny win: a deny rule that allows named too refuses', () => {
    fc.assert(
      fc.property(anyServer, anyFacts, composed, (it, about, rule) => {
        const both = { ...it, allow: [rule], deny: [rule] }
        expect(allows(both, about)).toBe(false)
      }),
    )
  })

  it('never widens when an allow rule, a direct entry or a use is removed', () => {
    fc.assert(
      fc.property(anyServer, anyFacts, fc.nat(), (it, about, index) => {
        const narrower: Partial<Server>[] = [
          { ...it, allow: without(it.allow ?? [], index) },
          { ...it, direct: without(it.direct ?? [], index) },
          { ...it, tools: (it.tools ?? []).map((one) => ({ ...one, uses: without(one.uses, index) })) },
          { ...it, tools: [] },
        ]
        for (const one of narrower) if (allows(one, about)) expect(allows(it, about)).toBe(true)
      }),
    )
  })

  it('never widens when a deny rule is added', () => {
    fc.assert(
      fc.property(anyServer, anyFacts, composed, (it, about, rule) => {
        if (allows({ ...it, deny: [...(it.deny ?? []), rule] }, about)) expect(allows(it, about)).toBe(true)
      }),
    )
  })

  it('never widens when groups are missing, or a fact is absent', () => {
    fc.assert(
      fc.property(anyServer, anyFacts, (it, about) => {
        const { workflow: ____, ...noWorkflow } = about
        const { arguments: _____, ...noArguments } = about
        for (const less of [{ ...about, groupsComplete: false }, noWorkflow, noArguments])
          if (allows(it, less)) expect(allows(it, about)).toBe(true)
        const { downstream: _, operation: __, audienceGranted: ___, ...bare } = about
        expect(allows(it, bare)).toBe(false)
      }),
    )
  })

  it('is monotone in classes: a riskier operation is never permitted where a lesser one is refused', () => {
    const levels = riskOrder.filter((it) => it !== 'read-sensitive')
    fc.assert(
      fc.property(plainServer, anyFacts, fc.constantFrom('orders', 'legacy'), (it, about, where) => {
        const permitted = levels.map((own) => {
          const op = operation('GET /orders', own)
          const policy = compilePolicy({
            tenant: 'acme',
            version: 'v',
            servers: [server(it)],
            downstreams: [downstream(where, [op])],
          })
          return policy.decide({ ...about, operation: op }).effect === 'allow'
        })
        for (let at = 1; at < permitted.length; at++) if (permitted[at]) expect(permitted[at - 1]).toBe(true)
      }),
    )
  })

  it('lists what could be called with some parameters, and at least what is called with these', () => {
    fc.assert(
      fc.property(anyServer, anyFacts, (it, about) => {
        const policy = policyOf(it)
        const called = policy.call({ arguments: {}, ...about, tool: 't' }).effect === 'allow'
        if (called) expect(policy.call({ ...about, tool: 't', arguments: 'any' }).effect).toBe('allow')
      }),
    )
  })

  it('does in a call nothing that the call of its tool was refused', () => {
    fc.assert(
      fc.property(anyServer, anyFacts, (it, about) => {
        if (about.tool !== undefined && allows(it, about))
          expect(policyOf(it).call(about).effect).toBe('allow')
      }),
    )
  })

  it('admits to a session whom it lets do anything in it', () => {
    fc.assert(
      fc.property(anyServer, anyFacts, (it, about) => {
        if (allows(it, about)) expect(policyOf(it).admit(about, []).effect).toBe('allow')
      }),
    )
  })

  it('admits exactly whom it would not refuse at the server', () => {
    const atServer = [
      'token_tenant_refused',
      'server_unknown',
      'denied_by_rule',
      'groups_incomplete',
      'not_allowed',
    ]
    fc.assert(
      fc.property(plainServer, anyFacts, (it, about) => {
        const { tool: _, ...noTool } = about
        const refused = atServer.includes(policyOf(it).decide(noTool).reason)
        expect(policyOf(it).admit(noTool, ['orders']).effect).toBe(refused ? 'deny' : 'allow')
      }),
    )
  })
})

describe('the generators', () => {
  it('reach allowing decisions with and without a tool, so that the properties can fail', () => {
    const reasons = new Set<string>()
    const samples = fc.sample(fc.tuple(anyServer, anyFacts), 5_000)
    for (const [it, about] of samples)
      reasons.add(`${policyOf(it).decide(about).reason} ${about.tool ?? '-'}`)
    expect(reasons).toContain('allowed t')
    expect(reasons).toContain('allowed -')
    expect(
      allows(
        { allow: [{ kind: 'anyone' }], direct: [{ downstream: 'orders' }] },
        facts({ operation: operations[0] ?? operation('', 'never') }),
      ),
    ).toBe(true)
  })
})
