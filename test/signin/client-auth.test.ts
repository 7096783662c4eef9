import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import { basic } from '../identity/opened.ts'
import {
  aClient,
  aRobot,
  type Form,
  openWorld,
  outcome,
  robotAuth,
  url,
  crm,
  type World,
} from './token-world.ts'

const ask = (over: Form = {}): Form => ({
  grant_type: 'client_credentials',
  resource: crm.resource,
  ...over,
})

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

async function keyPair(kid = 'key-1') {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }
  let serial = 0
  const sign = (world: World, claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) => {
    const now = world.around.clock.now()
    serial += 1
    const payload = {
      iss: 'robot',
      sub: 'robot',
      aud: url,
      jti: `jti-${serial}`,
      iat: now,
      exp: now + 60,
      ...claims,
    }
    return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid, ...header }).sign(privateKey)
  }
  return { jwk, sign }
}

const withKeys = (jwks: { keys: readonly object[] } | string) =>
  aRobot('robot', { authentication: { method: 'private_key_jwt', jwks } })

describe('a client with a secret', () => {
  test('shows it by header or form, one of them', async () => {
    const world = await openWorld({ clients: [aRobot('robot')] })
    expect((await world.token(ask(), robotAuth('robot'))).status).toBe(200)
    expect((await world.token(ask({ client_id: 'robot' }), robotAuth('robot'))).status).toBe(200)
    const secret = { client_id: 'robot', client_secret: 'robot secret' }
    expect((await world.token(ask(secret))).status).toBe(200)
    expect(outcome(await world.token(ask(secret), robotAuth('robot')))).toBe(
      '400 invalid_request token_ambiguous',
    )
  })

  test('is refused for whatever else, and like one that does not exist', async () => {
    const world = await openWorld({ clients: [aRobot('robot'), aRobot('other'), aClient('public')] })
    const refusals = await Promise.all([
      world.token(ask(), { authorization: basic('robot', 'wrong') }),
      world.token(ask(), { authorization: basic('nobody', 'robot secret') }),
      world.token(ask(), { authorization: basic('other', 'robot secret') }),
      world.token(ask(), { authorization: basic('public', '') }),
      world.token(ask(), { authorization: 'Basic !' }),
      world.token(ask({ client_id: 'robot' })),
      world.token(ask({ client_id: 'nobody' })),
      world.token(ask({ client_id: 'public', client_secret: 'x' })),
      world.token(ask({ client_id: 'other' }), robotAuth('robot')),
      world.token(ask()),
    ])
    const [first] = refusals
    for (const refusal of refusals) {
      expect(outcome(refusal)).toBe('401 invalid_client client_auth_failed')
      expect(refusal.headers.get('www-authenticate')).toMatch(/^Basic/)
      expect({ ...refusal.body, request_id: '' }).toEqual({ ...first.body, request_id: '' })
    }
  })

  test('that nobody can tell from another may not act for itself', async () => {
    const world = await openWorld({ clients: [aClient('public', { grants: ['client_credentials'] })] })
    expect(outcome(await world.token(ask({ client_id: 'public' })))).toBe(
      '401 invalid_client client_auth_failed',
    )
  })
})

describe('a client with a key', () => {
  test('shows an assertion for us alone, once', async () => {
    const { jwk, sign } = await keyPair()
    const world = await openWorld({ clients: [withKeys({ keys: [jwk] })] })
    const assertion = await sign(world)
    const form = ask({ client_assertion_type: assertionType, client_assertion: assertion })
    expect((await world.token(form)).status).toBe(200)
    expect(outcome(await world.token(form))).toBe('401 invalid_client client_auth_failed')
    const other = await sign(world)
    const named = ask({ client_id: 'robot', client_assertion_type: assertionType, client_assertion: other })
    expect((await world.token(named)).status).toBe(200)
  })

  test.each<[string, Record<string, unknown>, Record<string, unknown>?]>([
    ['of another audience', { aud: 'https://elsewhere.example' }],
    ['for our token endpoint instead of us', { aud: `${url}/oauth2/token` }],
    ['for us and others', { aud: [url, 'https://elsewhere.example'] }],
    ['for us in a list', { aud: [url] }],
    ['of another client', { iss: 'other' }],
    ['about another client', { sub: 'other' }],
    ['that has ended', { iat: 1_799_999_000, exp: 1_799_999_900 }],
    ['that does not end', { exp: undefined }],
    ['that lives for an hour', { exp: 1_800_003_600 }],
    ['without a name', { jti: undefined }],
    ['that is an ID-JAG', {}, { typ: 'oauth-id-jag+jwt' }],
    ['that is an access token', {}, { typ: 'at+jwt' }],
    ['of another key', {}, { kid: 'key-2' }],
  ])('is refused with an assertion %s', async (_what, claims, header) => {
    const { jwk, sign } = await keyPair()
    const world = await openWorld({ clients: [withKeys({ keys: [jwk] }), aRobot('other')] })
    const assertion = await sign(world, claims, header)
    const answer = await world.token(
      ask({ client_assertion_type: assertionType, client_assertion: assertion }),
    )
    expect(outcome(answer)).toBe('401 invalid_client client_auth_failed')
  })

  test('is refused with a signature of another key, and with none', async () => {
    const { jwk } = await keyPair()
    const stranger = await keyPair()
    const world = await openWorld({ clients: [withKeys({ keys: [jwk] })] })
    const signed = await stranger.sign(world)
    const bare = `${btoa('{"alg":"none"}').replaceAll('=', '')}.${signed.split('.')[1]}.AA`
    for (const client_assertion of [signed, bare, 'x', 'a.b.c'])
      expect(
        outcome(await world.token(ask({ client_assertion_type: assertionType, client_assertion }))),
      ).toBe('401 invalid_client client_auth_failed')
  })

  test('may have its keys at an address', async () => {
    const { jwk, sign } = await keyPair()
    const server = createServer((_request, response) => response.end(JSON.stringify({ keys: [jwk] })))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const world = await openWorld({
      clients: [withKeys(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`)],
    })
    for (let time = 0; time < 2; time += 1) {
      const assertion = await sign(world)
      const answer = await world.token(
        ask({ client_assertion_type: assertionType, client_assertion: assertion }),
      )
      expect(answer.status).toBe(200)
    }
  })
})
