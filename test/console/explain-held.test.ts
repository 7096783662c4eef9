import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readPolicyCases } from '../../src/config/index.ts'
import { explain, type ExplainWords, type Output, testPolicy } from '../../src/console/index.ts'
import { runCli } from '../kit/cli.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { issuer, policyOf, tool } from '../policy/facts.ts'

const bind = { 'path.id': 'order_id', 'body.amount': 'amount', 'query.why': '/note/why' }
const refund = 'POST /orders/{id}/refunds'
const policy = policyOf({
  tools: [
    tool('refund', 'critical', [{ downstream: 'orders', operation: refund, bind, free: ['body.comment'] }]),
    tool('note', 'write', [
      { downstream: 'orders', operation: 'POST /orders', bind: { 'body.text': 'text' } },
    ]),
  ],
})
const terms = { policy, tenant: 'acme', issuer, workloadIssuers: [], servers: ['crm'] }
const at = 'servers.crm.tools.refund.uses[0]'
const url = 'https://orders.example/orders/7/refunds?why=broken'
const form = 'application/x-www-form-urlencoded'
const question: ExplainWords = {
  user: 'alice',
  groups: ['crm-users'],
  tool: 'refund',
  args: '{"order_id":"7","amount":5,"note":{"why":"broken"}}',
  request: `POST ${url}`,
  body: '{"amount":5,"comment":"sorry"}',
}

function ask(words: Partial<ExplainWords>, json = false, asked = terms) {
  const lines: string[] = []
  const output: Output = { json, line: (text) => void lines.push(text), progress: () => undefined }
  return { code: explain({ ...question, ...words }, asked, output), lines }
}

function inJson(words: Partial<ExplainWords>) {
  const { code, lines } = ask(words, true)
  return { code, answer: JSON.parse(lines.join('')) as Record<string, any> }
}

function without(left: keyof ExplainWords): ExplainWords {
  const rest = Object.entries(question).filter(([key]) => key !== left)
  return Object.fromEntries(rest) as unknown as ExplainWords
}

function put(words: ExplainWords) {
  const lines: string[] = []
  const output: Output = { json: false, line: (text) => void lines.push(text), progress: () => undefined }
  return { code: explain(words, terms, output), lines }
}

it('says that the request of a call would be sent, and how', () => {
  const { code, answer } = inJson({ body: ' { "comment":"sorry", "amount":5.0 } ' })
  expect([code, answer['decision'], answer['reason'], answer['rule']]).toEqual([0, 'allow', 'allowed', at])
  expect(answer['request']).toEqual({
    held: true,
    downstream: 'orders',
    method: 'POST',
    path: '/orders/7/refunds',
    query: '?why=broken',
    body: '{"comment":"sorry","amount":5}',
  })
  const steps = answer['steps'].map(({ step }: { step: string }) => step)
  expect(steps.slice(-3)).toEqual(['binding', 'parameters', 'outcome'])
})

const mismatch = 'call_parameter_mismatch'
const unbound = 'call_field_unbound'
const amount = { part: 'body.amount', parameter: 'amount', wanted: 5 }
const why = { part: 'query.why', parameter: '/note/why' }

it.each<[string, Partial<ExplainWords>, readonly [reason: string, rule: string], object, string]>([
  [
    'another order',
    { request: `POST ${url.replace('/7/', '/8/')}` },
    [mismatch, '.bind.path.id'],
    { part: 'path.id', parameter: 'order_id', wanted: '7', found: '8' },
    'path.id is "8" in the request, and order_id is "7" in the call',
  ],
  [
    'another amount',
    { body: '{"amount":50}' },
    [mismatch, '.bind.body.amount'],
    { ...amount, found: 50 },
    'body.amount is 50 in the request, and amount is 5 in the call',
  ],
  [
    'no amount',
    { body: '{}' },
    [mismatch, '.bind.body.amount'],
    amount,
    'body.amount is absent in the request, and amount is 5 in the call',
  ],
  [
    'no body',
    { body: '' },
    [mismatch, '.bind.body.amount'],
    amount,
    'body.amount is absent in the request, and amount is 5 in the call',
  ],
  [
    'what the call has not',
    { args: '{"order_id":"7","amount":5}' },
    [mismatch, '.bind.query.why'],
    { ...why, found: 'broken' },
    'query.why is "broken" in the request, and /note/why is absent in the call',
  ],
  [
    'a name that stands twice',
    { request: `POST ${url}&why=broken` },
    [mismatch, '.bind.query.why'],
    { ...why, wanted: 'broken', found: 'broken' },
    'query.why stands more than once in the request',
  ],
  [
    'an extra member',
    { body: '{"amount":5,"currency":"KWD"}' },
    [unbound, '.rest'],
    { part: 'body/currency' },
    'body/currency is neither bound nor free, and the rest is refused',
  ],
  [
    'an extra field',
    { request: `POST ${url}&notify=no` },
    [unbound, '.rest'],
    { part: 'query.notify' },
    'query.notify is neither bound nor free, and the rest is refused',
  ],
  [
    'another amount in a form',
    { type: form, body: 'amount=6' },
    [mismatch, '.bind.body.amount'],
    { ...amount, found: '6' },
    'body.amount is "6" in the request, and amount is 5 in the call',
  ],
  [
    'a body of another kind',
    { type: 'text/plain' },
    ['call_body_unreadable', ''],
    { part: 'body' },
    'body cannot be compared',
  ],
  [
    'a body with two readings',
    { body: '{"amount":5,"amount":50}' },
    ['json_ambiguous', ''],
    { part: 'body' },
    'body cannot be compared',
  ],
])('says of %s which part differs, and what the rule is', (_, words, [reason, rule], differing, note) => {
  const { code, answer } = inJson(words)
  expect([code, answer['decision'], answer['reason'], answer['rule']]).toEqual([3, 'deny', reason, at + rule])
  const { downstream: __, method: ___, path: ____, query: _____, body: ______, ...told } = answer['request']
  expect(told).toEqual({ held: false, ...differing })
  expect(answer['steps'].at(-1)).toEqual({ step: 'parameters', held: false, note })
  const { lines } = ask(words)
  expect(lines[0]).toBe(`denied: ${reason}, by ${at}${rule}`)
  expect(lines.at(-2)).toMatch(/^ {2}✗ parameters /)
  expect(lines.at(-2)).toContain(note)
})

it('says of a member that looks like a bound one, and of another method, that they are refused too', () => {
  const note = { tool: 'note', args: '{"text":"a"}', request: 'POST https://orders.example/orders' }
  expect(ask({ ...note, body: '{"text":"a","other":1}' }).code).toBe(0)
  const alike = inJson({ ...note, body: '{"text":"a","Text":"b"}' })
  expect([alike.code, alike.answer['rule'], alike.answer['request'].part]).toEqual([
    3,
    'servers.crm.tools.note.uses[0].bind',
    'body/Text',
  ])
  const other = inJson({ ...note, type: form, body: 'text=a&_method=DELETE' })
  expect([other.code, other.answer['reason'], other.answer['request'].part]).toEqual([
    3,
    'method_override_refused',
    'query or body',
  ])
})

it('says of a read of an observed server that it passes, and what would refuse it', () => {
  const uses = [{ downstream: 'orders', operation: 'GET /orders/{id}', bind: { 'path.id': 'id' } }]
  const observing = { ...terms, policy: policyOf({ observe: true, tools: [tool('show', 'read', uses)] }) }
  const show = { tool: 'show', args: '{"id":"7"}', body: '' }
  const get = (path: string, json = false) =>
    ask({ ...show, request: `GET https://orders.example${path}` }, json, observing)
  expect(get('/orders/7').lines.join()).not.toContain('observed')
  const { code, lines } = get('/orders/8', true)
  const rule = 'servers.crm.tools.show.uses[0].bind.path.id'
  expect([code, JSON.parse(lines.join(''))]).toMatchObject([
    0,
    {
      decision: 'allow',
      observed: { reason: mismatch, rule },
      request: { held: false, path: '/orders/8', part: 'path.id', wanted: '7', found: '8' },
    },
  ])
  expect(get('/orders/8').lines[1]).toBe(`observed: it would be denied with ${mismatch}, by ${rule}`)
})

it('takes the address as a server has it: a URL of the downstream, a path of the egress, or its parts', () => {
  const path = '/downstream/orders/orders/7/refunds?why=broken'
  expect(inJson({ request: `post ${path}` }).answer['request']).toMatchObject({
    held: true,
    path: '/orders/7/refunds',
  })
  const parts = { downstream: 'orders', method: 'post', path: '/orders/7/refunds?why=broken' }
  expect(put({ ...without('request'), ...parts }).code).toBe(0)
})

it('compares nothing where the request is refused anyway, or where there are no parameters', () => {
  const refused = inJson({ groups: [] })
  expect([refused.code, refused.answer['reason'], refused.answer['request']]).toEqual([
    3,
    'not_allowed',
    undefined,
  ])
  const { code, lines } = put(without('args'))
  expect([code, lines.some((line) => line.includes('parameters'))]).toEqual([0, false])
})

it('shows nothing that a terminal would obey', () => {
  const { lines } = ask({ body: '{"amount":5,"\\u001b[2J\\u202e":1}' })
  expect(lines.join('\n')).not.toMatch(/[^\P{C}\n]/u)
  expect(lines.at(-2)).toContain('body/\\u001b[2J\\u202e is neither bound nor free')
})

it.each<[string, ExplainWords, RegExp]>([
  [
    'parameters that are no JSON',
    { ...question, args: '{a' },
    /^--args are the parameters of a call, in JSON: /,
  ],
  ['parameters with two readings', { ...question, args: '{"a":1,"a":2}' }, /json_ambiguous/],
  ['parameters that are no object', { ...question, args: '[1]' }, /an object in JSON/],
  ['parameters of no call', without('tool'), /say of which --tool/],
  ['a request that is none', { ...question, request: url }, /^--request is a method and an address/],
  [
    'an address of nobody',
    { ...question, request: 'POST https://other.example/orders/7' },
    /forward_unknown/,
  ],
  [
    'an address with two readings',
    { ...question, request: 'POST https://orders.example/a/../x' },
    /path_ambiguous/,
  ],
  ['a request twice', { ...question, downstream: 'orders' }, /^--request says all of/],
  ['a body of no request', without('request'), /say which with --request/],
])('cannot be asked with %s', (_, words, sentence) => {
  expect(put(words)).toEqual({ code: 2, lines: [expect.stringMatching(sentence)] })
})

it('is asked by the questions of sallyport test', () => {
  const lines: string[] = []
  const output: Output = { json: false, line: (text) => void lines.push(text), progress: () => undefined }
  const call = `user: alice, groups: [crm-users], tool: refund, args: { order_id: "7", amount: 5, note: { why: broken } }`
  const cases = `
- { name: as called, ${call}, request: POST ${url}, body: '{"amount":5}', expect: allow }
- { name: another amount, ${call}, request: POST ${url}, body: '{"amount":50}', expect: call_parameter_mismatch }
- { name: the call itself, ${call}, expect: allow }
- { name: wrong, ${call}, request: POST ${url}, body: '{"amount":50}', expect: allow }
`
  expect(testPolicy(readPolicyCases(cases, 'policy.test.yaml'), terms, output)).toBe(1)
  expect(lines).toEqual([
    `✗ wrong: expected allow, got call_parameter_mismatch by ${at}.bind.body.amount`,
    '3 as expected, 1 not',
  ])
})

it('is asked from the command line', async () => {
  const folder = temporaryFolder()
  const config = join(folder, 'sallyport.yaml')
  writeFileSync(
    config,
    `server: http://127.0.0.1:3000/mcp
allow: [anyone]
tools: { refund: { class: critical, uses: [{ op: "orders ${refund}", bind: { path.id: order_id, body.amount: amount } }] } }
downstreams:
  orders:
    url: https://orders.example
    static: { per: user }
    operations: [{ op: "${refund}", class: critical }]
`,
  )
  const words = ['--user', 'alice', '--tool', 'refund', '--args', '{"order_id":"7","amount":5}']
  const request = ['--request', 'POST https://orders.example/orders/7/refunds', '--body', '{"amount":50}']
  const { code, out } = await runCli(['explain', '--form', 'dev', '--config', config, ...words, ...request])
  expect(code).toBe(3)
  expect(out).toContain('✗ parameters')
  expect(out).toContain('body.amount is 50 in the request, and amount is 5 in the call')
})
