/** The stub providers and the browser of test/kit, by a client that nobody here wrote: what the sign-in's tests stand on. */
import { decodeJwt, decodeProtectedHeader } from 'jose'
import * as client from 'openid-client'
import { describe, expect, it } from 'vitest'
import { entraGroups, entraInteraction, startEntra } from '../kit/idps/entra.ts'
import { oktaAudience, startOkta } from '../kit/idps/okta.ts'
import type { StubIdp } from '../kit/idps/provider.ts'
import { createBrowser, walk } from '../kit/walk.ts'

// eslint-disable-next-line @typescript-eslint/no-deprecated -- Marked so that nobody uses it by mistake; this is loopback.
const clearHttp = { execute: [client.allowInsecureRequests] }
const redirectUri = 'http://127.0.0.1:1/login/callback'
const alice = { username: 'alice@acme.example', password: 'alice-password' }
const carol = { username: 'carol@acme.example', password: 'carol-password' }

async function discover(idp: StubIdp): Promise<client.Configuration> {
  const { id, secret } = idp.client
  return client.discovery(new URL(idp.issuer), id, secret, undefined, clearHttp)
}

interface Asked {
  readonly scope: string
  readonly as?: typeof alice
  readonly more?: Readonly<Record<string, string>>
}

async function signIn(idp: StubIdp, { scope, as = alice, more = {} }: Asked) {
  const configuration = await discover(idp)
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...more,
  })
  const browser = createBrowser({ leaveAt: redirectUri })
  const back = await walk(browser, url, { as })
  const checks = { pkceCodeVerifier, expectedState, expectedNonce }
  return {
    configuration,
    back,
    browser,
    url,
    tokens: await client.authorizationCodeGrant(configuration, back, checks),
  }
}

const entraScope = 'openid profile offline_access api://sallyport/.default'

describe('the stub of Entra', () => {
  it('signs in with PKCE that it does not publish, and names people, audience and groups in its way', async () => {
    const idp = await startEntra()
    const { configuration, tokens, back } = await signIn(idp, { scope: entraScope })
    expect(configuration.serverMetadata().code_challenge_methods_supported).toBeUndefined()
    expect(back.searchParams.has('iss')).toBe(false)
    const { id } = idp.people[alice.username]!
    expect(tokens.claims()).toMatchObject({ oid: id, ver: '2.0', groups: [entraGroups.crm] })
    expect(tokens.claims()!.sub).not.toBe(id)
    expect(tokens.claims()).not.toHaveProperty('sid')
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      aud: idp.client.id,
      iss: idp.issuer,
      scp: 'access',
    })
    expect(await idp.keys.read(tokens.access_token)).toBeDefined()
    expect(
      decodeProtectedHeader((await signIn(idp, { scope: 'openid profile' })).tokens.access_token),
    ).toHaveProperty('nonce')
  })

  it('says where the groups are of somebody who has too many', async () => {
    const { tokens } = await signIn(await startEntra({ sid: true }), { scope: entraScope, as: carol })
    expect(tokens.claims()).toMatchObject({ _claim_names: { groups: 'src1' }, sid: expect.any(String) })
    expect(tokens.claims()).not.toHaveProperty('groups')
  })

  it.each([
    ['resource', { resource: 'https://crm.example/mcp' }, 'invalid_request', 'AADSTS901002'],
    ['a scope of nobody', { scope: 'openid crm.read' }, 'invalid_scope', 'AADSTS70011'],
  ])('refuses %s', async (_what, more, error, code) => {
    const refused = signIn(await startEntra(), { scope: entraScope, more })
    await expect(refused).rejects.toMatchObject({ error, error_description: expect.stringContaining(code) })
  })

  it('lets a refresh token work more than once, until the account is disabled', async () => {
    const idp = await startEntra()
    const { configuration, tokens } = await signIn(idp, { scope: entraScope })
    const refresh = () => client.refreshTokenGrant(configuration, tokens.refresh_token!)
    expect((await refresh()).refresh_token).not.toBe((await refresh()).refresh_token)
    idp.knobs.disabled.add(alice.username)
    await expect(refresh()).rejects.toMatchObject({
      error: 'invalid_grant',
      cause: { error_codes: [50_057] },
    })
    await expect(signIn(idp, { scope: entraScope })).rejects.toThrow('incorrect')
  })

  it('hands back what Conditional Access asks for', async () => {
    const idp = await startEntra()
    const { configuration, tokens } = await signIn(idp, { scope: entraScope })
    idp.knobs.refuse = entraInteraction
    const refused = client.refreshTokenGrant(configuration, tokens.refresh_token!)
    await expect(refused).rejects.toMatchObject({
      error: 'interaction_required',
      cause: { claims: expect.any(String) },
    })
  })
})

describe('the stub of Okta', () => {
  it('has one audience whatever is asked, and another sub in each token', async () => {
    const idp = await startOkta()
    const scope = 'openid profile offline_access'
    const { tokens, back } = await signIn(idp, { scope, more: { resource: 'https://crm.example/mcp' } })
    expect(back.searchParams.has('iss')).toBe(false)
    const { id } = idp.people[alice.username]!
    expect(tokens.claims()).toMatchObject({ sub: id, preferred_username: alice.username })
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      aud: oktaAudience,
      sub: alice.username,
      uid: id,
      cid: idp.client.id,
      scp: scope.split(' '),
    })
    const strict = signIn(await startOkta({ resource: 'refused' }), {
      scope,
      more: { resource: 'https://crm.example/mcp' },
    })
    await expect(strict).rejects.toMatchObject({ error: 'invalid_request' })
  })

  it('takes a used refresh token for as long as its leeway is, and then ends them all', async () => {
    const scope = 'openid offline_access'
    const { configuration, tokens } = await signIn(await startOkta(), { scope })
    const next = await client.refreshTokenGrant(configuration, tokens.refresh_token!)
    await client.refreshTokenGrant(configuration, tokens.refresh_token!)
    await client.refreshTokenGrant(configuration, next.refresh_token!)
    const strict = await signIn(await startOkta({ leeway: -1 }), { scope })
    const second = await client.refreshTokenGrant(strict.configuration, strict.tokens.refresh_token!)
    for (const token of [strict.tokens.refresh_token!, second.refresh_token!])
      await expect(client.refreshTokenGrant(strict.configuration, token)).rejects.toMatchObject({
        error: 'invalid_grant',
      })
  })
})

describe('a stub provider', () => {
  it('asks again only who has not signed in before, or whom the client wants asked', async () => {
    const idp = await startOkta({ host: 'localhost' })
    const { browser, url } = await signIn(idp, { scope: 'openid' })
    expect(await browser.open(url)).toHaveProperty('left')
    const again = new URL(url)
    again.searchParams.set('prompt', 'login')
    expect(await browser.open(again)).toMatchObject({ status: 200, forms: [{ method: 'POST' }] })
  })

  it('signs with a new key, answers wrongly, and is down, as it is told', async () => {
    const idp = await startOkta()
    const scope = 'openid offline_access'
    const { tokens, configuration } = await signIn(idp, { scope })
    await idp.keys.rotate()
    const rotated = await signIn(idp, { scope })
    expect(decodeProtectedHeader(rotated.tokens.access_token).kid).not.toBe(
      decodeProtectedHeader(tokens.access_token).kid,
    )
    idp.knobs.idToken = (claims) => ({ ...claims, nonce: 'another' })
    await expect(signIn(idp, { scope })).rejects.toThrow(/nonce|unexpected/)
    idp.knobs.callback = (answer) => ({ ...answer, iss: 'https://evil.example' })
    await expect(signIn(idp, { scope })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('iss') },
    })
    idp.knobs.down = 503
    await expect(client.refreshTokenGrant(configuration, tokens.refresh_token!)).rejects.toThrow()
  })

  it('sends nobody back to an address that is not registered, and takes no wrong secret', async () => {
    const idp = await startEntra()
    const evil = signIn(idp, { scope: entraScope, more: { redirect_uri: 'http://127.0.0.1:1/elsewhere' } })
    await expect(evil).rejects.toThrow('is not registered')
    const { id } = idp.client
    const wrong = await client.discovery(new URL(idp.issuer), id, 'wrong', undefined, clearHttp)
    await expect(client.refreshTokenGrant(wrong, 'x')).rejects.toMatchObject({ error: 'invalid_client' })
  })
})
