import { expect, it } from 'vitest'
import { page } from '../accounts/world.ts'
import { answerOf, keptOf, startLinking } from './linking.ts'

it('A27: a code of somebody else’s flow is of no use in one’s own, either way', async () => {
  const it = await startLinking()
  const [alices, mallorys] = [it.browser(), it.browser()]
  it.as.person = 'mallory-there'
  const hers = await answerOf(it, mallorys, await it.link('bob'), 'bob')
  it.as.person = 'ann'
  const own = await answerOf(it, alices, await it.link('alice'), 'alice')

  // Mallory has Alice's browser finish Alice's flow with the code of Mallory's account: the proof does not fit.
  const injected = new URL(own)
  injected.searchParams.set('code', hers.searchParams.get('code')!)
  const at = page(await alices.open(injected))
  expect(at.status).toBeGreaterThanOrEqual(400)
  expect(it.as.calls.at(-1)).toMatchObject({ path: '/token', form: { code: hers.searchParams.get('code') } })
  expect(await keptOf(it, 'alice')).toBe(0)

  // And with Mallory's whole answer: the state is of another browser.
  const before = it.as.count('/token')
  expect(page(await alices.open(hers)).status).toBe(400)
  expect(it.as.count('/token')).toBe(before)
  expect((await keptOf(it, 'alice')) + (await keptOf(it, 'bob'))).toBe(0)
  expect(it.as.seen).toEqual([])
})

it('A27: an ID token of another flow ends it, and what came with it is given back', async () => {
  const it = await startLinking()
  it.as.tamper = (answer) => {
    const [head, body, end] = String(answer['id_token']).split('.')
    const claims = { ...JSON.parse(Buffer.from(body!, 'base64url').toString()), nonce: 'of-another-flow' }
    answer['id_token'] = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${end}`
  }
  const browser = it.browser()
  const back = await answerOf(it, browser, await it.link('alice'), 'alice')
  expect(page(await browser.open(back)).status).toBe(502)
  expect(await keptOf(it, 'alice')).toBe(0)
  await expect.poll(() => it.as.revoked.length).toBeGreaterThan(0)
  expect(it.as.revoked[0]).toMatch(/^rt-/)
})
