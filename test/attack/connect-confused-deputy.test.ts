import { expect, it } from 'vitest'
import { page, through } from '../accounts/world.ts'
import { asked, keptOf, startLinking } from './linking.ts'

it('A20: another client of a person who has linked the account gets nothing before its own page was agreed to', async () => {
  const it = await startLinking()
  const browser = it.browser()
  await through(browser, await it.link('alice'), { as: 'alice' })
  expect(await it.call('alice')).toContain('200')
  const visits = it.as.count('/authorize')

  const evil = { client: 'evil-client' }
  const link = await it.link('alice', evil)
  const at = await asked(browser, link, 'alice')
  expect(at.says).toContain('evil-client')
  expect(at.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  expect(await it.call('alice', evil)).toContain('/connect/mine?ask=')
  expect(it.as.count('/authorize')).toBe(visits)

  // Sent by another site, or made up: the browser has the cookie, and it is refused all the same.
  const form = at.forms[0]!
  const hidden = Object.fromEntries(form.fields.map(({ name, value }) => [name, value]))
  const cookie = browser.jar.header(form.action, { crossSite: false, method: 'POST' })!
  const post = (headers: Record<string, string>, fields: Record<string, string>) =>
    fetch(form.action, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(fields).toString(),
    })
  const use = hidden['use'] ?? ''
  const sound = { ...hidden, use, answer: 'connect' }
  expect((await post({ origin: 'https://evil.example' }, sound)).status).toBe(403)
  expect((await post({}, sound)).status).toBe(403)
  expect((await post({ origin: it.url }, { ...sound, form: 'sallyport.1.AAAA' })).status).toBe(403)
  expect((await post({ origin: it.url }, { use, answer: 'connect' })).status).toBe(403)
  const stranger = it.browser()
  await asked(stranger, await it.link('bob', evil), 'bob')
  const bobs = stranger.jar.header(form.action, { crossSite: false, method: 'POST' })!
  expect((await post({ origin: it.url, cookie: bobs }, sound)).status).toBe(403)
  expect(await it.call('alice', evil)).toContain('/connect/mine?ask=')
  expect(await keptOf(it, 'bob')).toBe(0)

  const done = page(await browser.submit(at, form, { button: form.buttons[0]! }))
  expect(done.says).toContain('is connected')
  expect(await it.call('alice', evil)).toContain('200')
  const consent = it.record().findLast(({ kind }) => kind === 'consent')
  const receipt = await it.revoke({ kind: 'consent', id: consent!['details'].consent })
  expect(receipt['status']).toBe('complete')
  expect(await it.call('alice', evil)).toContain('/connect/mine?ask=')
  expect(await it.call('alice')).toContain('200')
})
