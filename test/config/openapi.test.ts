import { describe, expect, it } from 'vitest'
import { faults, least, load } from './written.ts'

const api = `openapi: 3.1.0
info: { title: orders, version: "1" }
paths:
  /orders:
    get: { operationId: listOrders }
    post: { operationId: createOrder, x-sallyport-class: critical }
    head: {}
    trace: {}
  /orders/{id}:
    parameters: [{ name: id, in: path }]
    get: { x-sallyport-class: never }
    put: {}
    patch: {}
    delete: { x-sallyport-class: read }
  /people/{id}:
    x-sallyport-class: read-sensitive
    get: {}
  /files/{name}.json: { get: {} }
  /shared: { $ref: other.yaml#/x }
`
const explicit = / {4}operations:[^]*/.exec(least)?.[0] ?? ''
const proposed = least.replace(explicit, '    openapi: ./orders.yaml\n')
const files = (text: string) => ({ files: { '/etc/sallyport/orders.yaml': text } })

describe('an OpenAPI document', () => {
  it('proposes a class by the method, which x-sallyport-class may only tighten', async () => {
    const { config } = await load(proposed, files(api))
    const classes = Object.fromEntries(
      (config.downstreams[0]?.operations ?? []).map((it) => [it.id, it.class]),
    )
    expect(classes).toEqual({
      'GET /orders': 'read',
      'POST /orders': 'critical',
      'HEAD /orders': 'read',
      'TRACE /orders': 'never',
      'GET /orders/{id}': 'never',
      'PUT /orders/{id}': 'write',
      'PATCH /orders/{id}': 'write',
      'DELETE /orders/{id}': 'critical',
      'GET /people/{id}': 'read-sensitive',
    })
  })

  it('gives two templates of one shape the later of their classes, in either order', async () => {
    const one = '  /a/{id}: { get: { operationId: one } }\n'
    const other = '  /a/{name}: { get: { operationId: other, x-sallyport-class: critical } }\n'
    for (const paths of [one + other, other + one]) {
      const text = `openapi: 3.1.0\ninfo: { title: a, version: "1" }\npaths:\n${paths}`
      const given = proposed.replace(
        'direct: [orders]',
        'tools: { t: { class: read, uses: ["orders one"] } }',
      )
      const said = await faults(given, files(text))
      expect(said.join()).toMatch(/above the class of the tool/)
    }
  })

  it('has what it cannot say told in warnings', async () => {
    const { warnings } = (await load(proposed, files(api))).config
    expect(warnings.map((it) => it.problem)).toEqual([
      'x-sallyport-class of /orders/{id} cannot loosen critical',
      expect.stringMatching(/^\/files\/\{name\}\.json of .* is left out: a parameter is a whole segment/),
      expect.stringMatching(/^\/shared of .* is left out: it is a reference/),
    ])
  })

  it('is overridden by what the configuration lists, by shape and not by the names of parameters', async () => {
    const own = `    operations: [{ op: "GET /orders/{number}", class: read }]\n`
    const { config } = await load(proposed + own, files(api))
    const ids = (config.downstreams[0]?.operations ?? []).map((it) => `${it.id} ${it.class}`)
    expect(ids).toContain('GET /orders/{number} read')
    expect(ids.join()).not.toContain('GET /orders/{id} ')
  })

  it('lets uses name an operationId, which the long form writes out', async () => {
    const text = proposed.replace('direct: [orders]', 'direct: [orders listOrders]')
    const { config, expanded } = await load(text, files(api))
    expect(config.servers[0]?.direct).toEqual([{ downstream: 'orders', operation: 'GET /orders' }])
    expect(expanded.servers['main']?.direct).toEqual(['orders GET /orders'])
  })

  it('is read as JSON too', async () => {
    const json = JSON.stringify({ openapi: '3.0.3', paths: { '/orders': { get: {} } } })
    expect((await load(proposed, files(json))).config.downstreams[0]?.operations).toHaveLength(1)
  })

  it.each([
    [
      'a class that is none',
      'openapi: 3.0.0\npaths: { /a: { get: { x-sallyport-class: low } } }',
      /no class[^]*read, read-sensitive/,
    ],
    ['version 2', 'swagger: "2.0"\npaths: {}', /no OpenAPI 3 document/],
    ['no YAML', '{{{', /no OpenAPI 3 document/],
    ['an alias bomb', `openapi: 3.0.0\npaths: {}\n${bomb()}`, /no OpenAPI 3 document/],
  ])('is refused with %s', async (_, text, says) => {
    const found = await faults(proposed, files(text))
    expect(
      found.some((fault) => fault.startsWith('10:5 downstreams.orders.openapi:') && says.test(fault)),
      found.join('\n'),
    ).toBe(true)
  })
})

/** Nine levels of nine aliases each. */
function bomb(): string {
  const nine = (name: string) => `[${Array.from({ length: 9 }, () => `*${name}`).join(', ')}]`
  const levels = Array.from({ length: 9 }, (_, index) => `x${index + 1}: &a${index + 1} ${nine(`a${index}`)}`)
  return ['x0: &a0 [x]', ...levels].join('\n')
}
