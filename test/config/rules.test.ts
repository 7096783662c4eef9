import { describe, expect, it } from 'vitest'
import { describeProblem, type Matcher } from '../../src/model/index.ts'
import { faults, least, load, tidy } from './written.ts'

const base = `url: https://crm.example
tenant: acme
login: { issuer: https://idp.example, workflow: wf, client: { id: sallyport, secret: file:/run/secret } }
key: file:/run/key
RULES
tools:
  refund: { class: critical, labels: [billing], uses: [{ op: "orders POST /orders/{id}/refunds" }] RULE }
  search: { class: read, uses: [orders] }
downstreams:
  orders:
    url: https://orders.example
    exchange: { audience: orders-api, scope: orders.read }
    operations:
      - { op: "GET /orders/{id}", class: read }
      - { op: "POST /orders/{id}/refunds", class: critical }
`
const written = (rules: string, own = '') => base.replace('RULES', rules).replace('RULE', own)

/** Where the rules of a configuration are warned of. */
async function warned(rules: string): Promise<readonly string[]> {
  const { config } = await load(written(rules))
  return config.warnings.map(describeProblem).filter((it) => /\b(allow|deny)\b.*(rule|condition)/s.test(it))
}

async function deny(rule: string): Promise<Matcher | undefined> {
  const { config } = await load(written(`allow: [anyone]\ndeny: [${rule}]`))
  return config.servers[0]?.deny[0]
}

describe('rules of several conditions', () => {
  it('hold together, and of several names one', async () => {
    expect(
      await deny(
        '{ group: [a, b], class: write, where: { /refund/amount: { above: 5, most: 9 } }, tool: refund }',
      ),
    ).toEqual({
      kind: 'all',
      of: [
        {
          kind: 'any',
          of: [
            { kind: 'group', value: 'a' },
            { kind: 'group', value: 'b' },
          ],
        },
        { kind: 'class', value: 'write' },
        { kind: 'tool', value: 'refund' },
        {
          kind: 'parameter',
          pointer: ['refund', 'amount'],
          tests: [
            { test: 'above', value: 5 },
            { test: 'most', value: 9 },
          ],
        },
      ],
    })
  })

  it('name users by their issuer, wherever they stand in it', async () => {
    expect(await deny('{ user: [u1, u2], client: c }')).toMatchObject({
      of: [
        { of: [{ issuer: 'https://idp.example' }, { issuer: 'https://idp.example' }] },
        { kind: 'client' },
      ],
    })
  })

  it.each([
    ['EUR', [{ test: 'in', values: ['EUR'] }]],
    ['[EUR, 5, null, true]', [{ test: 'in', values: ['EUR', 5, null, true] }]],
    [
      '{ is: EUR, present: true }',
      [
        { test: 'in', values: ['EUR'] },
        { test: 'present', value: true },
      ],
    ],
    ['{ begins: "EUR " }', [{ test: 'begins', value: 'EUR ' }]],
  ])('test a parameter by %s', async (text, tests) => {
    expect(await deny(`{ tool: refund, where: { amount: ${text} } }`)).toMatchObject({
      of: [{ kind: 'tool' }, { kind: 'parameter', pointer: ['amount'], tests }],
    })
  })

  it.each([
    'class:write',
    'label:billing',
    'tool:refund',
    'environment:production',
    'tenant:acme',
    'workflow:ci',
  ])('are as short as one name: %s', async (text) => {
    const [kind, value] = text.split(':')
    expect(await deny(`"${text}"`)).toEqual({ kind, value })
  })

  it('read the claim of workflows for people and for workloads', async () => {
    const { config } = await load(
      written(
        'allow: ["workflow:ci"]\nworkloads: [{ issuer: https://ci.example, audience: a, subjects: [x], workflow: job_workflow_ref }]',
      ),
    )
    expect(config.login.workflowClaim).toBe('wf')
    expect(config.workloads[0]?.workflowClaim).toBe('job_workflow_ref')
  })
})

describe('rules that would never do what they say', () => {
  const open = 'allow: [anyone]\ndeny:'
  it.each<[string, string, RegExp, string?]>([
    [
      'a condition on parameters without a tool',
      `${open} [{ group: a, where: { x: 1 } }]`,
      /names none[^]*name the tool/,
    ],
    ['a tool that is not configured', `${open} ["tool:refunds"]`, /no tool[^]*did you mean "refund"/],
    [
      'a label that no tool has',
      `${open} ["label:biling"]`,
      /no tool of this server has this label[^]*"billing"/,
    ],
    ['a class that is none', `${open} ["class:writes"]`, /no class/],
    ['a key that is none', `${open} [{ group: a, klass: write }]`, /klass[^]*class/],
    ['a test that is none', `${open} [{ tool: refund, where: { x: { over: 1 } } }]`, /deny\[0\]/],
    ['a test of nothing', `${open} [{ tool: refund, where: { x: {} } }]`, /deny\[0\]/],
    ['a bound that is no number', `${open} [{ tool: refund, where: { x: { above: "5" } } }]`, /deny\[0\]/],
    ['a rule of nothing', `${open} [{}]`, /deny\[0\]/],
    ['a pattern among names', `${open} [{ group: [a, "b*"], class: write }]`, /deny\[0\]/],
    [
      'one name with a blank too many',
      `${open} [class: write]`,
      /map of one key: class: write[^]*"class:write"/,
    ],
    ['a pointer that is none', `${open} [{ tool: refund, where: { "/a~2": 1 } }]`, /deny\[0\]/],
    [
      'the class of the tool that it stands under',
      'allow: [anyone]',
      /settles its class/,
      ', deny: ["class:write"]',
    ],
    [
      'the tool that it stands under',
      'allow: [anyone]',
      /settles its tool/,
      ', deny: [{ tool: refund, where: { a: 1 } }]',
    ],
    ['a label beyond small letters', 'allow: [anyone]', /labels/, ', labels: ["P I I"]'],
  ])('is told: %s', async (_, rules, expected, own = '') => {
    const text = own.startsWith(', labels')
      ? written(rules, own).replace('labels: [billing], ', '')
      : written(rules, own)
    const found = await faults(text)
    expect(found.join('\n')).toMatch(expected)
  })

  it('is told: a workflow that no claim names', async () => {
    const found = await faults(written('allow: ["workflow:ci"]').replace('workflow: wf, ', ''))
    expect(found.join('\n')).toMatch(/which workflow[^]*login\.workflow/)
  })

  it.each<[string, string]>([
    ['twice the same', 'allow: ["group:a", "group:a"]'],
    ['one after anyone', 'allow: [anyone, "group:a"]'],
    ['a narrower one', 'allow: ["group:a", { group: a, class: read }]'],
    ['one of several names', 'allow: [{ group: [a, b], class: read }, { group: a, class: read, client: c }]'],
    ['an allowed one that is denied', 'allow: ["group:b", "group:a"]\ndeny: ["group:a"]'],
    ['one that a wider one denies', 'allow: ["group:b", { group: a, client: c }]\ndeny: ["client:c"]'],
    ['another environment', 'allow: ["group:a"]\ndeny: ["environment:test"]'],
    ['another tenant', 'allow: ["group:a"]\ndeny: ["tenant:other"]'],
  ])('is warned of: %s', async (_, rules) => {
    expect(await warned(rules)).not.toEqual([])
  })

  it.each([
    'allow: ["group:a", "group:b"]\ndeny: [{ group: a, class: critical }]',
    'allow: [{ group: a, class: read }, "group:b"]',
  ])('and rules that differ are not: %s', async (rules) => {
    expect(await warned(rules)).toEqual([])
  })
})

describe('what is read-sensitive', () => {
  it('does not load without a group that the tool names', async () => {
    const tool = (more: string) =>
      `${tidy}tools: { people: { class: read-sensitive, uses: [orders]${more} } }\n`
    expect((await faults(tool(''))).join('\n')).toMatch(/names none[^]*at the tool/)
    expect((await faults(tool(', allow: ["user:x"]'))).join('\n')).toMatch(/names none/)
    expect(await faults(tool(', allow: ["group:hr"]'))).toEqual([])
  })

  it('is not done without a tool call', async () => {
    const text = least.replace('GET /orders/{id}", class: read', 'GET /orders/{id}", class: read-sensitive')
    const found = await faults(text.replace('direct: [orders]', 'direct: ["orders GET /orders/{id}"]'))
    expect(found.join('\n')).toMatch(/only done within a tool call/)
  })
})
