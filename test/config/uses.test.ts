import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { printConfig } from '../../src/config/index.ts'
import { faults, load } from './written.ts'

/** A server with one tool, which has these uses. */
function withUses(uses: string, risk = 'critical', direct = 'orders'): string {
  return `url: https://crm.example
login: { issuer: https://idp.example, client: { id: sallyport, secret: file:/run/secret } }
key: file:/run/key
allow: [anyone]
tools:
  t:
    class: ${risk}
    uses: ${uses}
direct: [${direct}]
downstreams:
  orders:
    url: https://orders.example
    exchange: { audience: orders-api }
    operations:
      - { op: "GET /orders/{id}", class: read }
      - { op: POST /orders, class: write }
      - { op: "PUT /orders/{id}/lines/{line}", class: write }
      - { op: "POST /orders/{id}/refunds", class: critical }
      - { op: POST /payouts, class: critical }
      - { op: "DELETE /orders/{id}", class: critical }
`
}

const refund = (more: string) => `[{ op: "orders POST /orders/{id}/refunds", ${more} }]`

async function expanded(uses: string): Promise<unknown> {
  const text = printConfig((await load(withUses(uses))).expanded)
  const { servers } = parse(text) as { servers: { main: { tools: { t: { uses: unknown } } } } }
  return servers.main.tools.t.uses
}

describe('what validate --expand prints of uses', () => {
  it.each<[string, string, unknown]>([
    ['a read', '["orders GET /orders/{id}"]', ['orders GET /orders/{id}']],
    ['a downstream', '[orders]', ['orders']],
    ['a write without parameters', '[orders POST /orders]', ['orders POST /orders']],
    [
      'a write with parameters',
      '["orders PUT /orders/{id}/lines/{line}"]',
      [{ op: 'orders PUT /orders/{id}/lines/{line}', bind: { 'path.id': 'id', 'path.line': 'line' } }],
    ],
    [
      'one of them free',
      '[{ op: "orders PUT /orders/{id}/lines/{line}", free: [path.line] }]',
      [{ op: 'orders PUT /orders/{id}/lines/{line}', bind: { 'path.id': 'id' }, free: ['path.line'] }],
    ],
    [
      'a critical operation without parameters',
      '[orders POST /payouts]',
      [{ op: 'orders POST /payouts', rest: 'refuse' }],
    ],
    [
      'a critical operation',
      refund('bind: { body.amount: /sum/amount }, times: 1'),
      [
        {
          op: 'orders POST /orders/{id}/refunds',
          bind: { 'path.id': 'id', 'body.amount': '/sum/amount' },
          rest: 'refuse',
          times: 1,
        },
      ],
    ],
    ['an unbound one', refund('unbound: true'), [{ op: 'orders POST /orders/{id}/refunds', unbound: true }]],
    [
      'one that is not unbound',
      '[{ op: orders POST /payouts, unbound: false }]',
      [{ op: 'orders POST /payouts', rest: 'refuse' }],
    ],
  ])('is complete: %s', async (_, uses, printed) => {
    expect(await expanded(uses)).toEqual(printed)
  })

  it('is what is in force, under the same version as when it is written out', async () => {
    const short = await load(withUses('["orders DELETE /orders/{id}"]'))
    const long = await load(
      withUses('[{ op: "orders DELETE /orders/{id}", bind: { path.id: id }, rest: refuse }]'),
    )
    expect(short.config.version).toBe(long.config.version)
    expect(short.config.servers[0]?.tools[0]?.uses).toEqual([
      { downstream: 'orders', operation: 'DELETE /orders/{id}', bind: { 'path.id': 'id' }, rest: 'refuse' },
    ])
    const again = await load(printConfig(short.expanded))
    expect(again.expanded).toEqual(short.expanded)
  })
})

describe('uses that cannot be held to', () => {
  const here = (path: string) => `8:\\d+ tools\\.t\\.uses\\[0\\]${path}`

  it.each<[string, string, string, RegExp]>([
    ['no part', refund('bind: { amount: amount }'), '\\.bind\\.amount', /names no part[^]*path\.NAME/],
    ['a header', refund('bind: { header.x: x }'), '\\.bind\\["header\\.x"\\]', /names no part/],
    ['a bad pointer to a part', refund('bind: { "body/a~b": x }'), '\\.bind\\["…"\\]', /written ~0/],
    [
      'a bad pointer to a parameter',
      refund('bind: { body.a: "/a~" }'),
      '\\.bind\\["body\\.a"\\]',
      /written ~0[^]*JSON Pointer/,
    ],
    [
      'an unknown path parameter',
      refund('bind: { path.ids: x }'),
      '\\.bind\\["path\\.ids"\\]',
      /no such parameter[^]*did you mean "path\.id"/,
    ],
    [
      'another unknown path parameter',
      refund('free: [path.customer]'),
      '\\.free\\[0\\]',
      /no such parameter[^]*it has id/,
    ],
    [
      'a path without parameters',
      '[{ op: orders POST /payouts, bind: { path.id: x } }]',
      '\\.bind\\["path\\.id"\\]',
      /it has none/,
    ],
    ['a part twice', refund('bind: { body.a: x, body/a: y }'), '\\.bind\\["body/a"\\]', /named twice/],
    [
      'a part bound and free',
      refund('bind: { path.id: x }, free: [path.id]'),
      '\\.free\\[0\\]',
      /named twice/,
    ],
    [
      'a part within another',
      refund('bind: { body.a: x, body/a/b: y }'),
      '\\.bind\\["body/a/b"\\]',
      /lies within/,
    ],
    [
      'a binding of a whole downstream',
      '[{ op: orders, bind: { body.a: x } }]',
      '\\.bind',
      /one operation[^]*name the operation/,
    ],
    ['freedom in a whole downstream', '[{ op: orders, free: [body.a] }]', '\\.free', /one operation/],
    ['a whole downstream unbound', '[{ op: orders, unbound: true }]', '\\.unbound', /one operation/],
    [
      'a critical operation of which all is free',
      refund('free: [path.id, body.amount]'),
      '\\.free',
      /nothing of a critical[^]*unbound: true/,
    ],
    ['times that are none', refund('times: 0'), '\\.times', /too small/],
    ['rest that is kept', refund('rest: allow'), '\\.rest', /none of the known words/],
  ])('are refused with line, path and remedy: %s', async (_, uses, path, says) => {
    const found = await faults(withUses(uses))
    expect(found.join('\n')).toMatch(new RegExp(`^${here(path)}: `))
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(says)
    expect(found[0]?.split('\n    ')[1]).toMatch(/\S{2,}/)
  })
})

describe('warnings about uses', () => {
  const all = 'orders, orders POST /orders, "orders PUT /orders/{id}/lines/{line}"'
  const warnings = async (uses: string, risk = 'critical', direct = all) =>
    (await load(withUses(uses, risk, direct))).config.warnings
      .map(({ path, problem }) => `${path}: ${problem}`)
      .filter((it) => !it.startsWith('downstreams.'))

  it.each<[string, string, string]>([
    [
      'a write whose body is the server’s choice',
      '[orders POST /orders]',
      'tools.t.uses[0]: the server chooses the body of this write',
    ],
    ['such a write among others', '[orders]', 'tools.t.uses[0]: the server chooses the body of this write'],
    [
      'a critical operation without a body',
      '[orders POST /payouts]',
      'tools.t.uses[0]: nothing of the body is named, so a request with a body is refused',
    ],
    [
      'a critical operation that is unbound',
      refund('unbound: true'),
      'tools.t.uses[0].unbound: the server chooses what this critical operation does',
    ],
    [
      'a use that an earlier one covers',
      '["orders GET /orders/{id}", "orders GET /orders/{id}"]',
      'tools.t.uses[1]: a use before this one covers it, so this one never counts',
    ],
  ])('are given for %s', async (_, uses, says) => {
    expect(await warnings(uses)).toEqual([says])
  })

  it('are given for a binding that never counts behind its whole downstream', async () => {
    expect(await warnings('[orders, { op: orders POST /payouts, bind: { body.a: a } }]')).toContain(
      'tools.t.uses[1]: a use before this one covers it, so this one never counts',
    )
  })

  it.each([
    ['a write whose body is bound', '[{ op: orders POST /orders, bind: { body.a: a } }]'],
    ['a write that has no other body', '[{ op: orders POST /orders, rest: refuse }]'],
    ['a critical operation whose body is named', '[{ op: orders POST /payouts, free: [body.a] }]'],
    ['one that carries no body', '["orders DELETE /orders/{id}"]'],
    ['a whole downstream behind one of its operations', '["orders GET /orders/{id}", orders]', 'read'],
  ])('are none for %s', async (_, uses, risk = 'critical') => {
    expect(await warnings(uses, risk)).toEqual([])
  })

  it('name operations that neither a session nor a call may do', async () => {
    const unused = async (uses: string, risk: string, direct = 'orders') =>
      (await load(withUses(uses, risk, direct))).config.warnings
        .filter(({ problem }) => problem === 'nothing may do this operation')
        .map(({ path, line }) => `${line} ${path}`)
    const at = (...which: number[]) => which.map((it) => `${15 + it} downstreams.orders.operations[${it}]`)
    expect(await unused('[orders]', 'read')).toEqual(at(1, 2, 3, 4, 5))
    expect(await unused('[orders]', 'write')).toEqual(at(3, 4, 5))
    expect(await unused('[orders]', 'critical')).toEqual([])
    expect(await unused('[orders POST /payouts]', 'critical', all)).toEqual(at(3, 5))
  })

  it('do not name what an OpenAPI document has besides', async () => {
    const text = withUses('["orders GET /orders/{id}"]', 'read').replace(
      /operations:[^]*/,
      'openapi: ./api.yaml\n',
    )
    const api = 'openapi: 3.1.0\npaths: { "/orders/{id}": { get: {}, put: {} }, /more: { post: {} } }\n'
    const { config } = await load(text, { files: { '/etc/sallyport/api.yaml': api } })
    expect(config.warnings).toEqual([])
  })
})
