import { describe, expect, it } from 'vitest'
import { readPolicyCases } from '../../src/config/index.ts'
import { diffPolicies, testPolicy } from '../../src/console/index.ts'
import type { Matcher, Server } from '../../src/model/index.ts'
import { compilePolicy } from '../../src/policy/index.ts'

const issuer = 'https://idp.example'

function side(allow: readonly Matcher[], toolAllow?: readonly Matcher[]) {
  const server: Server = {
    name: 'crm',
    resource: 'https://crm.example/mcp',
    audiences: [],
    extraAudiences: [],
    acceptSubjectToken: false,
    group: 'crm',
    allow,
    deny: [{ kind: 'group', value: 'leavers' }],
    direct: [],
    tools: [
      {
        name: 'show',
        class: 'read',
        uses: [{ downstream: 'orders', operation: 'GET /orders/{id}' }],
        ...(toolAllow === undefined ? {} : { allow: toolAllow }),
      },
    ],
  }
  const policy = compilePolicy({
    tenant: 'acme',
    version: 'v',
    servers: [server],
    downstreams: [
      {
        name: 'orders',
        origin: 'http://127.0.0.1:1',
        basePath: '',
        resource: 'https://orders.example',
        operations: [{ id: 'GET /orders/{id}', method: 'GET', path: '/orders/{id}', class: 'read' }],
        credential: { kind: 'static', per: 'user', placement: { header: 'X-Key' } as never },
      },
    ],
  })
  const terms = { policy, tenant: 'acme', issuer, workloadIssuers: [], servers: ['crm'] }
  return { ...terms, diff: { policy, tenant: 'acme', issuer, servers: [server] } }
}

function said() {
  const lines: string[] = []
  const output = { json: true, line: (text: string) => void lines.push(text), progress: () => undefined }
  return { output, value: () => JSON.parse(lines.join('')) as unknown }
}

const crm: Matcher = { kind: 'group', value: 'crm' }
const question = 'user: a, tool: show, downstream: orders, method: GET, path: /orders/1'

describe('sallyport test', () => {
  const run = (text: string) => {
    const { output, value } = said()
    const code = testPolicy(readPolicyCases(text, 'policy.test.yaml'), side([crm]), output)
    return { code, ...(value() as { cases: { ok: boolean; got: string }[] }) }
  }

  it('is content where the function that decides answers as expected, by decision or by reason', () => {
    const told = run(`
- { name: crm reads, ${question}, groups: [crm], expect: allow }
- { name: others do not, ${question}, expect: deny }
- { name: others do not by rule, ${question}, expect: not_allowed }
- { name: leavers do not, ${question}, groups: [crm, leavers], expect: denied_by_rule }
- { name: unknown groups deny, ${question}, groups: [crm], groups_incomplete: true, expect: groups_incomplete }
`)
    expect(told.cases.map(({ ok }) => ok)).toEqual([true, true, true, true, true])
    expect(told.code).toBe(0)
  })

  it('asks about parameters and workflows where they are said, and whether there are any where not', () => {
    const small: Matcher = { kind: 'parameter', pointer: ['amount'], tests: [{ test: 'below', value: 5 }] }
    const { output, value } = said()
    const cases = `
- { name: some, user: a, groups: [crm], tool: show, expect: allow }
- { name: small, user: a, groups: [crm], tool: show, args: { amount: 4 }, expect: allow }
- { name: large, user: a, groups: [crm], tool: show, args: { amount: 5 }, expect: not_allowed }
- { name: none, user: a, groups: [crm], tool: show, args: {}, expect: not_allowed }
- { name: ci, user: a, workflow: ci, tool: show, args: { amount: 4 }, expect: allow }
- { name: cd, user: a, workflow: cd, tool: show, args: { amount: 4 }, expect: not_allowed }
`
    const rules = side([crm, { kind: 'workflow', value: 'ci' }], [small])
    testPolicy(readPolicyCases(cases, 'policy.test.yaml'), rules, output)
    const { cases: tested } = value() as { cases: { got: string; ok: boolean }[] }
    expect(tested.filter(({ ok }) => !ok)).toEqual([])
    expect(tested).toHaveLength(6)
  })

  it('fails where one answer is another, and says which it is', () => {
    const told = run(`- { name: wrong, ${question}, expect: allow }`)
    expect(told.code).toBe(1)
    expect(told.cases[0]).toMatchObject({ ok: false, got: 'not_allowed' })
  })

  it.each(['[]', '- { name: x }', `- { name: x, ${question}, expect: allow, groop: y }`, 'a: b'])(
    'refuses a file that asks nothing it knows: %s',
    (text) => expect(() => readPolicyCases(text, 'policy.test.yaml')).toThrow(/not valid/),
  )
})

describe('sallyport diff', () => {
  const run = (before: ReturnType<typeof side>, after: ReturnType<typeof side>) => {
    const { output, value } = said()
    const code = diffPolicies(before.diff, after.diff, output)
    return { code, changes: (value() as { changes: { who: string; what: string; kind: string }[] }).changes }
  }

  it('finds nothing between equal configurations', () => {
    expect(run(side([crm]), side([crm]))).toEqual({ code: 0, changes: [] })
  })

  it('tells what is loosened, and for whom', () => {
    const { code, changes } = run(side([crm]), side([crm, { kind: 'user', value: 'eve' }]))
    expect(code).toBe(1)
    const loosened = changes.filter(({ kind }) => kind === 'loosened')
    expect(new Set(loosened.map(({ who }) => who))).toEqual(new Set(['user eve']))
    expect(loosened.map(({ what }) => what)).toContain('crm: calling show')
  })

  it('tells where a bound on a parameter has moved, and with which parameters', () => {
    const most = (value: number): Matcher => ({
      kind: 'parameter',
      pointer: ['order', 'amount'],
      tests: [{ test: 'most', value }],
    })
    const { changes } = run(side([crm], [most(500)]), side([crm], [most(5000)]))
    expect(changes.filter(({ kind }) => kind === 'loosened').map(({ what }) => what)).toEqual([
      'crm: calling show with {"order":{"amount":501}}',
      'crm: calling show with {"order":{"amount":5000}}',
      'crm: calling show with {"order":{"amount":4999}}',
    ])
  })

  it('tells what is tightened by a rule of a tool', () => {
    const { changes } = run(side([crm]), side([crm], [{ kind: 'user', value: 'boss' }]))
    expect(changes).toContainEqual(
      expect.objectContaining({ kind: 'tightened', who: 'a user of group crm', what: 'crm: calling show' }),
    )
  })
})
