import { expect, it } from 'vitest'
import { page } from '../accounts/world.ts'
import { answerOf, asked, keptOf, startLinking } from './linking.ts'

it('A22: an answer is taken once, in the browser that asked, after the person agreed, and for ten minutes', async () => {
  const it = await startLinking()
  const refused = async (browser: ReturnType<typeof it.browser>, url: URL) => {
    const at = page(await browser.open(url))
    expect(at.says, url.href).toContain('not the end of something that was begun in this browser')
    expect(at.status).toBe(400)
    expect(await keptOf(it, 'alice')).toBe(0)
  }
  const tokens = () => it.as.count('/token')
  const browser = it.browser()

  // Nothing is there to be guessed before the person agreed.
  await asked(browser, await it.link('alice'), 'alice')
  expect(browser.jar.all.some(({ name }) => name.includes('state'))).toBe(false)
  await refused(browser, new URL(`${it.url}/connect/callback?code=x`))
  await refused(browser, new URL(`${it.url}/connect/callback?code=x&state=${'a'.repeat(43)}`))

  const missing = await answerOf(it, browser, await it.link('alice'), 'alice')
  const without = new URL(missing)
  without.searchParams.delete('state')
  await refused(browser, without)
  const twice = new URL(missing)
  twice.searchParams.append('state', 'b'.repeat(43))
  await refused(browser, twice)

  // Alice herself, in another browser.
  const elsewhere = it.browser()
  await asked(elsewhere, await it.link('alice'), 'alice')
  await refused(elsewhere, missing)
  // It was shown where it does not belong, and is good no more.
  await refused(browser, missing)

  // Nobody, and somebody else.
  const fresh = await answerOf(it, browser, await it.link('alice'), 'alice')
  await refused(it.browser(), fresh)

  const late = await answerOf(it, browser, await it.link('alice'), 'alice')
  const { tickets } = it.running.instance.state
  await tickets.prune((Date.now() / 1000 + 601) as never)
  await refused(browser, late)
  expect(tokens()).toBe(0)

  const good = await answerOf(it, browser, await it.link('alice'), 'alice')
  expect(page(await browser.open(good)).says).toContain('is connected')
  expect(await keptOf(it, 'alice')).toBe(2)
  const before = tokens()
  const again = page(await browser.open(good))
  expect(again.status).toBe(400)
  expect(tokens()).toBe(before)
})
