import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { search, startListing } from './pinned-world.ts'

const reads = { readOnlyHint: true }
const adds = { readOnlyHint: false, destructiveHint: false }
const id = { type: 'object', properties: { order_id: { type: 'string' } } }
const hidden = [
  { ...search, name: 'list_orders', annotations: reads },
  { ...search, name: 'drop_orders', annotations: { readOnlyHint: 'true', title: 'harmless' } },
  { ...search, name: 'yes' },
  { ...search, name: '1e3' },
  { ...search, name: 'a: b\n\u001b[2J' },
]
const pin = expect.stringMatching(/^sha256:[0-9a-f]{64}$/)
const never = { class: 'never', uses: [], pin }

it('dev says once of each hidden tool what an entry could look like, ready to be pasted', async () => {
  const said: string[] = []
  const world = await startListing('tools: { search: { class: read, uses: [] } }\n', {
    propose: (text) => said.push(text),
  })
  world.knobs.tools = [search, ...hidden]
  expect(await world.names()).toEqual(['search'])
  await world.names()
  expect(said).toHaveLength(1)
  expect(said[0]).toMatch(/^[\x20-\x7e\n]*$/)
  expect(said[0]).toContain('The server does not say what it does')
  expect(parse(said[0] ?? '')).toEqual({
    tools: { list_orders: { class: 'read', uses: [], pin }, drop_orders: never, yes: never, '1e3': never },
  })
  world.knobs.tools = [...hidden, { ...search, name: 'new' }]
  await world.names()
  expect(parse(said[1] ?? '')).toEqual({ tools: { new: never } })
  // Pasted, it loads, and what is proposed is not under review.
  const again = await startListing(
    (said[0] ?? '').replace('tools:', 'tools:\n  search: { class: read, uses: [] }'),
  )
  again.knobs.tools = [search, ...hidden]
  expect(await again.names()).toEqual(['search', 'list_orders'])
})

it('dev guesses what a tool uses among the operations that are configured, as init does', async () => {
  const said: string[] = []
  const downstreams = `tools: { search: { class: read, uses: [orders] } }
downstreams:
  orders:
    url: https://orders.example
    static: { per: user }
    operations:
      - { op: "GET /orders/{id}", class: read }
      - { op: "POST /orders/{id}/notes", class: write }
      - { op: "POST /orders/{id}/labels", class: critical }
`
  const world = await startListing(downstreams, { propose: (text) => said.push(text) })
  world.knobs.tools = [
    { name: 'get_order', inputSchema: id, annotations: reads },
    { name: 'add_note', inputSchema: id, annotations: adds },
    { name: 'add_label', inputSchema: id, annotations: adds },
    { name: 'add_notes', inputSchema: { type: 'object' }, annotations: adds },
  ]
  await world.names()
  const bind = { 'path.id': 'order_id' }
  expect(parse(said[0] ?? '')).toEqual({
    tools: {
      get_order: { class: 'read', uses: [{ op: 'orders GET /orders/{id}', bind }], pin },
      add_note: {
        class: 'write',
        uses: [{ op: 'orders POST /orders/{id}/notes', bind, rest: 'refuse', times: 1 }],
        pin,
      },
      add_label: never,
      add_notes: never,
    },
  })
  expect(said[0]).toContain('Its body is not known: bind it, or none may be sent.')
})
