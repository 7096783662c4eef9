import { expect, it } from 'vitest'
import { through } from '../accounts/world.ts'
import { keptOf, startLinking } from './linking.ts'

it('A21: a link that was made for one person is of no use to another, and nothing is kept', async () => {
  const it = await startLinking()
  const link = await it.link('alice')
  const said = await through(it.browser(), link, { as: 'bob' })
  expect(said.status).toBe(403)
  expect(said.says).toContain('This link was made for somebody else')
  expect(said.html).not.toContain('alice')
  expect(it.as.count('/authorize')).toBe(0)
  expect((await keptOf(it, 'alice')) + (await keptOf(it, 'bob'))).toBe(0)
  expect(it.record().at(-1)).toMatchObject({ kind: 'denial', reason: 'connect_other_person' })

  // What a link says cannot be changed, and it leads nowhere else.
  const altered = link.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
  expect((await through(it.browser(), altered, { as: 'alice' })).says).toContain(
    'not one of ours, or is too old',
  )
  const other = link.replace('/connect/mine?', '/connect/other?')
  expect((await through(it.browser(), other, { as: 'alice' })).status).toBe(400)
  expect(link).not.toContain('alice')
})
