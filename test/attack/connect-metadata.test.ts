import { expect, it } from 'vitest'
import { asked, keptOf, startLinking } from './linking.ts'
import { page, through } from '../accounts/world.ts'

const lies: readonly (readonly [string, Record<string, unknown>])[] = [
  ['another issuer', { issuer: 'https://evil.example' }],
  ['the issuer with a slash', { issuer: 'SELF/' }],
  ['a token endpoint elsewhere', { token_endpoint: 'https://evil.example/token' }],
  ['a token endpoint at another port', { token_endpoint: 'http://127.0.0.1:1/token' }],
  ['a script to agree at', { authorization_endpoint: 'javascript:alert(1)' }],
  ['a file to agree at', { authorization_endpoint: 'file:///etc/passwd' }],
  ['a page elsewhere to agree at', { authorization_endpoint: 'https://evil.example/authorize' }],
  ['a name and password in an endpoint', { token_endpoint: 'http://a:b@127.0.0.1/token' }],
  ['a revocation endpoint elsewhere', { revocation_endpoint: 'https://evil.example/revoke' }],
  ['no token endpoint', { token_endpoint: undefined }],
]

it.each(lies)('A25: metadata with %s are not believed', async (_name, lie) => {
  const it = await startLinking()
  const filled = Object.entries(lie).map(([key, value]) => [
    key,
    typeof value === 'string' ? value.replace('SELF', it.as.issuer) : value,
  ])
  it.as.metadata = { ...it.as.metadata, ...Object.fromEntries(filled) }
  const at = await through(it.browser(), await it.link('alice'), { as: 'alice' })
  expect(at.status).toBe(502)
  expect(at.html).not.toContain('evil.example')
  expect(it.as.count('/authorize') + it.as.count('/token')).toBe(0)
  expect(await keptOf(it, 'alice')).toBe(0)
})

it('A25: they are believed where they name the origin of the issuer alone', async () => {
  const it = await startLinking()
  const browser = it.browser()
  const at = await asked(browser, await it.link('alice'), 'alice')
  const there = page(await browser.submit(at, at.forms[0]!, { button: at.forms[0]!.buttons[0]! }))
  expect(there.url.href.startsWith(`${it.as.issuer}/authorize?`)).toBe(true)
})
