/** Whoever is cut signs in anew, though the browser is still signed in at the identity provider. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startEntra } from '../kit/idps/entra.ts'
import { startOkta } from '../kit/idps/okta.ts'
import { startAtStub } from './at-stub.ts'

it.each([
  ['tells when somebody signed in', startOkta],
  ['does not', startEntra],
])('asks for the password again where the provider %s', async (_what, start) => {
  const idp = await start()
  let id = ''
  idp.knobs.idToken = (claims) => {
    id = String(claims['sub'])
    return claims
  }
  const { running, browser, authorize } = await startAtStub(idp, { scope: 'openid profile' })
  const typed = async () => {
    const before = browser.steps.length
    await authorize()
    const atProvider = browser.steps.slice(before).filter(({ url }) => idp.issuer.startsWith(url.origin))
    return atProvider.filter(({ method }) => method === 'POST').length
  }
  expect(await typed()).toBe(1)
  expect(await typed()).toBe(0)
  const order = { scope: { kind: 'user', id }, hold: false, cause: 'stolen', wait: 'fence' }
  const cut = await running.admin('POST', '/v1/revocations', order)
  expect(cut.status, JSON.stringify(cut.body)).toBe(200)
  // Times are whole seconds: a sign-in of the second of the cut may be older.
  await pause(1_100)
  expect(await typed()).toBe(1)
  expect(await typed()).toBe(0)
})
