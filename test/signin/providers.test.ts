/** What providers are asked, and what their habits come to: Entra and Okta as the stubs of test/kit/idps have them. */
import { expect, it } from 'vitest'
import { entraGroups, startEntra } from '../kit/idps/entra.ts'
import { startOkta } from '../kit/idps/okta.ts'
import { startAtStub } from './at-stub.ts'

const scope = 'openid profile offline_access api://sallyport/.default'

it('asks Entra with PKCE, a nonce and the scope that is configured, and for no resource', async () => {
  const idp = await startEntra({ host: 'localhost' })
  const { authorize, running } = await startAtStub(idp, { scope })
  expect((await authorize()).searchParams.has('code')).toBe(true)
  const [asked, redeemed] = idp.asked
  expect(asked!.form).toMatchObject({
    scope,
    redirect_uri: `${running.instance.config.url}/login/callback`,
    code_challenge_method: 'S256',
    code_challenge: expect.any(String),
    nonce: expect.any(String),
  })
  expect(redeemed!.form).toMatchObject({ code_verifier: expect.any(String) })
  for (const { form } of idp.asked) expect(form).not.toHaveProperty('resource')
})

it('asks for what discovery suggests where nothing is configured', async () => {
  const idp = await startOkta({ resource: 'refused' })
  const { authorize } = await startAtStub(idp)
  await authorize()
  expect(idp.asked[0]!.form['scope']).toBe('openid profile offline_access')
})

it('tells somebody whose groups Entra leaves out why they are refused', async () => {
  const { authorize } = await startAtStub(await startEntra(), { scope, allow: `group:${entraGroups.crm}` })
  await expect(authorize('bob@acme.example')).rejects.toThrow(/403: .*You may not use/)
  const many = await startAtStub(await startEntra(), { scope, allow: `group:${entraGroups.crm}` })
  await expect(many.authorize('carol@acme.example')).rejects.toThrow(/403: .*left out some of your groups/)
})

it.each([
  ['another nonce', 'nonce', 'another'],
  ['another audience', 'aud', 'another'],
  ['another issuer', 'iss', 'https://login.microsoftonline.com/another/v2.0'],
])('lets nobody in with an ID token of %s', async (_what, claim, value) => {
  const idp = await startEntra()
  idp.knobs.idToken = (claims) => ({ ...claims, [claim]: value })
  const { authorize, browser } = await startAtStub(idp, { scope })
  await expect(authorize()).rejects.toThrow(/ends with 4\d\d|ends with 502/)
  expect(browser.jar.all.filter(({ name }) => name === 'sallyport')).toEqual([])
})

it('says so when the provider is away, and works again when it is back', async () => {
  const idp = await startOkta()
  const { authorize } = await startAtStub(idp)
  idp.knobs.down = 503
  await expect(authorize()).rejects.toThrow(/ends with 50\d/)
  idp.knobs.down = undefined
  expect((await authorize()).searchParams.has('code')).toBe(true)
})
