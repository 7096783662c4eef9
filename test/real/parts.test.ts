import { afterAll, describe, expect, test } from 'vitest'
import {
  bao,
  claimsOf,
  keycloakToken,
  mountKv,
  type OpenBao,
  parts,
  passwordToken,
  startOpenBao,
} from '../kit/parts.ts'

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const refreshTokenType = 'urn:ietf:params:oauth:token-type:refresh_token'

describe.skipIf(parts().openbao === undefined)('the OpenBao of the tests', () => {
  test('refuses a request without a token', async () => {
    await expect(bao({ ...parts().openbao!, rootToken: '' }, 'GET', 'sys/mounts')).rejects.toThrow(/403/)
  })

  test('keeps versions in a KV v2 mount and refuses a write whose cas is stale', async () => {
    const at = parts().openbao!
    await mountKv(at, 'parts-kv')
    const written = await bao(at, 'POST', 'parts-kv/data/a', { data: { word: 'one' }, options: { cas: 0 } })
    expect(written.data.version).toBe(1)
    const stale = bao(at, 'POST', 'parts-kv/data/a', { data: { word: 'two' }, options: { cas: 0 } })
    await expect(stale).rejects.toThrow(/check-and-set/)
    const read = await bao(at, 'GET', 'parts-kv/data/a')
    expect(read.data.data).toEqual({ word: 'one' })
  })

  test('encrypts and decrypts with a Transit key', async () => {
    const at = parts().openbao!
    await bao(at, 'POST', 'sys/mounts/parts-transit', { type: 'transit' })
    await bao(at, 'POST', 'parts-transit/keys/k', { type: 'aes256-gcm96' })
    const plaintext = Buffer.from('hello').toString('base64')
    const sealed = await bao(at, 'POST', 'parts-transit/encrypt/k', { plaintext })
    expect(sealed.data.ciphertext).toMatch(/^vault:v1:/)
    const opened = await bao(at, 'POST', 'parts-transit/decrypt/k', { ciphertext: sealed.data.ciphertext })
    expect(opened.data.plaintext).toBe(plaintext)
  })
})

describe.skipIf(parts().openbao === undefined)('an OpenBao of a test’s own', () => {
  const servers: OpenBao[] = []
  const start = async (seal: 'shamir' | 'static') => {
    const server = await startOpenBao({ seal })
    servers.push(server)
    await mountKv(server, 'kv')
    return server
  }
  afterAll(() => Promise.all(servers.map((server) => server.stop())))

  test('answers 503 while it is sealed, and serves again after', async () => {
    const server = await start('shamir')
    await server.seal()
    await expect(bao(server, 'GET', 'sys/mounts')).rejects.toThrow(/503/)
    await server.unseal()
    await bao(server, 'GET', 'sys/mounts')
  })

  test.each(['shamir', 'static'] as const)(
    'keeps what it acknowledged when it is killed (seal %s)',
    async (seal) => {
      const server = await start(seal)
      await bao(server, 'POST', 'kv/data/a', { data: { word: 'kept' } })
      const killed = server.pid()
      await server.kill()
      await expect(bao(server, 'GET', 'kv/data/a')).rejects.toThrow('fetch failed')
      await server.restart()
      expect(server.pid()).not.toBe(killed)
      expect((await bao(server, 'GET', 'kv/data/a')).data.data).toEqual({ word: 'kept' })
    },
  )

  test('is gone with its process and its data when it is stopped', async () => {
    const server = await start('static')
    await server.stop()
    expect(() => process.kill(server.pid(), 0)).toThrow('ESRCH')
  })
})

describe.skipIf(parts().keycloak === undefined)('the Keycloak of the tests', () => {
  const exchange = (subjectToken: string, more: Record<string, string> = {}) =>
    keycloakToken('sallyport', {
      grant_type: exchangeGrant,
      subject_token: subjectToken,
      subject_token_type: accessTokenType,
      audience: 'orders-api',
      ...more,
    })

  test('refuses a wrong password', async () => {
    const wrong = { grant_type: 'password', username: 'alice', password: 'wrong' }
    await expect(keycloakToken('chat', wrong)).rejects.toThrow(/invalid_grant/)
  })

  test('refuses to exchange a token that does not name sallyport in aud', async () => {
    const { access_token } = await passwordToken({ client: 'chat-unmapped' })
    expect([claimsOf(access_token).aud].flat()).not.toContain('sallyport')
    await expect(exchange(access_token)).rejects.toThrow(/40[03]/)
  })

  test('refuses to exchange for an audience that no mapper of sallyport gives', async () => {
    const { access_token } = await passwordToken()
    await expect(exchange(access_token, { audience: 'billing-api' })).rejects.toThrow(/Audience|audience/)
  })

  test('refuses a refresh token that was used before', async () => {
    const { refresh_token } = await passwordToken()
    const form = { grant_type: 'refresh_token', refresh_token: refresh_token! }
    await keycloakToken('chat', form)
    await expect(keycloakToken('chat', form)).rejects.toThrow(/invalid_grant/)
  })

  test('names client ids in aud, its own account among them, and puts groups without a path', async () => {
    const alice = claimsOf((await passwordToken({ user: 'alice' })).access_token)
    const bob = claimsOf((await passwordToken({ user: 'bob' })).access_token)
    expect(alice).toMatchObject({
      iss: parts().keycloak!.issuer,
      azp: 'chat',
      typ: 'Bearer',
      groups: ['crm-users'],
    })
    expect(alice.aud).toEqual(expect.arrayContaining(['sallyport', 'account']))
    expect(alice.exp - alice.iat).toBe(300)
    // Of a user without groups Keycloak leaves the claim out.
    expect(bob.groups).toBeUndefined()
    expect(bob.sub).not.toBe(alice.sub)
  })

  test('exchanges for orders-api and keeps subject and session (RFC 8693 §2)', async () => {
    const { access_token } = await passwordToken()
    const before = claimsOf(access_token)
    const exchanged = await exchange(access_token, { scope: 'orders.read' })
    const after = claimsOf(exchanged.access_token)
    expect(after).toMatchObject({ aud: 'orders-api', azp: 'sallyport', sub: before.sub, sid: before.sid })
    expect(after.scope.split(' ')).toContain('orders.read')
    expect(exchanged.refresh_token).toBeUndefined()
  })

  test('adds billing-api where the scope asks for it', async () => {
    const { access_token } = await passwordToken()
    const exchanged = await exchange(access_token, { audience: 'billing-api', scope: 'billing' })
    expect(claimsOf(exchanged.access_token).aud).toBe('billing-api')
  })

  test('returns a refresh token of the same session when asked for one', async () => {
    const { access_token } = await passwordToken()
    const exchanged = await exchange(access_token, { requested_token_type: refreshTokenType })
    const form = { grant_type: 'refresh_token', refresh_token: exchanged.refresh_token! }
    const refreshed = await keycloakToken('sallyport', form)
    expect(claimsOf(refreshed.access_token).sid).toBe(claimsOf(access_token).sid)
  })

  test('gives sallyport a token of its own (RFC 6749 §4.4)', async () => {
    const { access_token } = await keycloakToken('sallyport', { grant_type: 'client_credentials' })
    expect(claimsOf(access_token)).toMatchObject({
      azp: 'sallyport',
      preferred_username: 'service-account-sallyport',
    })
  })
})
