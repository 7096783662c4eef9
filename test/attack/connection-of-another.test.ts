import { expect, it } from 'vitest'
import { page, through } from '../accounts/world.ts'
import { asked, keptOf, startLinking } from './linking.ts'

it('A50: whoever knows the name of another’s connection can neither use nor end it, nor see that it is there', async () => {
  const it = await startLinking()
  const browser = it.browser()
  await through(browser, await it.link('alice'), { as: 'alice' })
  const [connection] = await it.running.instance.state.connections.list('dev', undefined)

  // Bob links his own, and then asks for Alice's by name.
  const bobs = it.browser()
  it.as.person = 'bert'
  await through(bobs, await it.link('bob'), { as: 'bob' })
  const at = await asked(bobs, await it.link('bob', { client: 'another-client' }), 'bob')
  const form = at.forms[0]!
  const cookie = bobs.jar.header(form.action, { crossSite: false, method: 'POST' })!
  const hidden = form.fields.find(({ name }) => name === 'form')!.value
  const post = (path: string, fields: Record<string, string>) =>
    fetch(new URL(path, it.url), {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie, origin: it.url, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    })
  const used = await post('/connect/mine', { form: hidden, use: connection!.id, answer: 'connect' })
  const unknown = await post('/connect/mine', { form: hidden, use: 'c-nothing', answer: 'connect' })
  expect([used.status, unknown.status]).toEqual([404, 404])
  expect(await it.call('bob', { client: 'another-client' })).toContain('/connect/mine?ask=')

  const own = page(await bobs.open(`${it.url}/accounts`))
  expect(own.html).not.toContain(connection!.id)
  expect(own.says).not.toContain('ann')
  for (const field of [connection!.id, hidden])
    expect((await post('/accounts/disconnect', { form: field })).status).toBe(403)
  expect(await it.call('alice')).toContain('"ann"')
  expect(await it.call('bob')).toContain('"bert"')
  expect(await keptOf(it, 'alice')).toBe(2)
})

it('A49: that one person has no account, or a dead one, is remembered of nobody else', async () => {
  const it = await startLinking({ life: 2 })
  const without = await it.call('alice')
  expect(without).toContain('/connect/mine?ask=')
  await through(it.browser(), await it.link('bob'), { as: 'bob' })
  expect(await it.call('bob')).toContain('200')
  await through(it.browser(), await it.link('alice'), { as: 'alice' })
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  let refused = 0
  it.as.instead = ({ form }) => {
    if (form['grant_type'] !== 'refresh_token' || refused > 0) return undefined
    refused += 1
    return { status: 400, body: '{"error":"invalid_grant"}' }
  }
  const dead = await it.call('alice')
  expect(dead).toContain('/connect/mine?ask=')
  expect(await it.call('bob')).toContain('200')
  const tokens = it.as.count('/token')
  for (let count = 0; count < 3; count += 1) expect(await it.call('alice')).toContain('/connect/mine?ask=')
  expect(it.as.count('/token')).toBe(tokens)
})
