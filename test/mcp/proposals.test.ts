import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { search, startListing } from './pinned-world.ts'

const hidden = [
  { ...search, name: 'list_orders', annotations: { readOnlyHint: true } },
  { ...search, name: 'drop_orders', annotations: { readOnlyHint: 'true', title: 'harmless' } },
  { ...search, name: 'yes' },
  { ...search, name: '1e3' },
  { ...search, name: 'a: b\n\u001b[2J' },
]

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
  expect(parse(said[0] ?? '')).toEqual({
    tools: {
      list_orders: { class: 'read', uses: [] },
      drop_orders: { class: 'write', uses: [] },
      yes: { class: 'write', uses: [] },
      '1e3': { class: 'write', uses: [] },
    },
  })
  world.knobs.tools = [...hidden, { ...search, name: 'new' }]
  await world.names()
  expect(parse(said[1] ?? '')).toEqual({ tools: { new: { class: 'write', uses: [] } } })
  // Pasted, it loads.
  const again = await startListing(
    (said[0] ?? '').replace('tools:', 'tools:\n  search: { class: read, uses: [] }'),
  )
  again.knobs.tools = [search, ...hidden]
  expect(await again.names()).toEqual(['search', 'list_orders', 'drop_orders', 'yes', '1e3'])
})
