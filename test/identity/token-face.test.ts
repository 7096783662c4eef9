import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import type { FastifyInstance } from 'fastify'
import { writeCapability } from '../../src/identity/index.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import {
  aDownstream,
  aLogin,
  aServer,
  basic,
  codeOf,
  crmAuth,
  exchange,
  type Opened,
  opened,
  post,
} from './opened.ts'

let clock: ReturnType<typeof steppedClock>
let idp: Idp
let at: Opened
let app: FastifyInstance

beforeAll(async () => {
  idp = await startIdp({ clock: { now: () => clock.now(), monotonic: () => clock.monotonic() } })
})
afterAll(() => idp.close())
beforeEach(async () => {
  clock = steppedClock()
  at = opened({ logins: [aLogin(idp)], clock })
  app = await at.app()
})

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const form = (parameters: Record<string, string>) => new URLSearchParams(parameters).toString()

describe('the caller (RFC 6749 §2.3)', () => {
  it.each([
    ['no authentication', {}],
    ['a wrong secret', { authorization: basic('crm-client', 'wrong') }],
    ['an unknown client', { authorization: basic('other', 'crm secret/+%') }],
    ['another scheme', { authorization: 'Bearer crm secret/+%' }],
    ['a capability where none was made', { 'sallyport-capability': 'sp_cap_x' }],
    ['Basic without a colon', { authorization: `Basic ${Buffer.from('crm-client').toString('base64')}` }],
    ['Basic that is no base64', { authorization: 'Basic ***' }],
    [
      'Basic with a broken escape',
      { authorization: `Basic ${Buffer.from('crm-client:%').toString('base64')}` },
    ],
  ])('is refused with %s, and the subject token is not looked at', async (_what, headers) => {
    const answer = await exchange(app, await idp.token(), {}, headers)
    expect(answer.status).toBe(401)
    expect(answer.body['error']).toBe('invalid_client')
    expect(answer.headers['www-authenticate']).toContain('Basic')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(at.around.fetched).toEqual([])
  })

  it('is refused when it authenticates in two ways', async () => {
    const body = { client_id: 'crm-client', client_secret: 'crm secret/+%' }
    const twice = await exchange(app, await idp.token(), body, crmAuth)
    expect([twice.status, twice.body['code']]).toEqual([400, 'token_ambiguous'])
    const capability = await exchange(app, await idp.token(), {}, { ...crmAuth, 'sallyport-capability': 'x' })
    expect([capability.status, capability.body['code']]).toEqual([400, 'token_ambiguous'])
  })

  it('is refused when client_id names another than the one authenticated', async () => {
    const answer = await exchange(app, await idp.token(), { client_id: 'other' })
    expect(answer.body['error']).toBe('invalid_client')
  })

  it('may send client_secret_post, or repeat its own client_id beside Basic', async () => {
    const posted = { client_id: 'crm-client', client_secret: 'crm secret/+%' }
    expect((await exchange(app, await idp.token(), posted, {})).status).toBe(200)
    expect((await exchange(app, await idp.token(), { client_id: 'crm-client' })).status).toBe(200)
  })

  it('is known by the capability file of its server, and by that alone', async () => {
    const folder = temporaryFolder()
    const { readFile } = await import('node:fs/promises')
    const random = (size: number) => randomBytes(size)
    const proofs = new Map([
      ['crm', await writeCapability(`${folder}/crm`, 'server', { random })],
      ['billing', await writeCapability(`${folder}/billing`, 'server', { random })],
    ])
    const servers = [
      aServer(),
      aServer({ name: 'billing', client: { id: 'b', secret: aServer().client!.secret } }),
    ]
    const both = opened({ logins: [aLogin(idp)], clock, servers, capabilities: proofs })
    const face = await both.app()
    const capability = (await readFile(`${folder}/billing`, 'utf8')).trim()
    const answer = await exchange(face, await idp.token(), {}, { 'sallyport-capability': capability })
    expect(answer.status).toBe(200)
    expect(decodeJwt(answer.body['access_token'])['sp']).toMatchObject({ server: 'billing' })
    const wrong = await exchange(face, await idp.token(), {}, { 'sallyport-capability': `${capability}x` })
    expect(wrong.status).toBe(401)
  })
})

describe('the request (RFC 8693 §2.1)', () => {
  it.each([
    ['no grant type', { grant_type: undefined }, 'invalid_request'],
    ['another grant', { grant_type: 'client_credentials' }, 'unsupported_grant_type'],
    [
      'a grant of another case',
      { grant_type: 'URN:ietf:params:oauth:grant-type:token-exchange' },
      'unsupported_grant_type',
    ],
    ['no subject token', { subject_token: undefined }, 'invalid_request'],
    ['an empty subject token', { subject_token: '' }, 'invalid_request'],
    ['no subject token type', { subject_token_type: undefined }, 'invalid_request'],
    [
      'a refresh token',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'invalid_request',
    ],
    ['an ID token', { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }, 'invalid_request'],
    [
      'an ID-JAG wanted',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag' },
      'invalid_request',
    ],
    [
      'a refresh token wanted',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'invalid_request',
    ],
    ['an actor token', { actor_token: 'x', actor_token_type: accessTokenType }, 'invalid_request'],
    ['an actor token type alone', { actor_token_type: accessTokenType }, 'invalid_request'],
    ['a scope the subject does not have', { scope: 'orders.read orders.write' }, 'invalid_scope'],
    ['a scope that is none', { scope: 'a  b' }, 'invalid_scope'],
  ])('is refused with %s', async (_what, over, expected) => {
    const answer = await exchange(app, await idp.token(), over)
    expect(answer.body['error']).toBe(expected)
    expect(answer.status).toBe(400)
    expect(at.around.handed).toEqual([])
    expect(at.around.events).toMatchObject([{ kind: 'denial', who: { server: 'crm' }, decision: 'deny' }])
  })

  it.each([
    ['a parameter twice', 'grant_type=a&grant_type=a'],
    ['an unknown parameter twice', 'x=1&x=1'],
    ['a pair without =', 'grant_type'],
    ['a pair with two =', 'grant_type=a=b'],
    ['a broken escape', 'grant_type=%zz'],
    ['bytes that are no UTF-8', 'grant_type=%ff'],
    ['a NUL', 'grant_type=a%00'],
    ['a line break', 'scope=a%0d%0ab'],
    ['too many parameters', Array.from({ length: 65 }, (_, n) => `p${n}=1`).join('&')],
  ])('is refused with %s', async (_what, body) => {
    const answer = await post(app, '/oauth2/token', body)
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_request'])
  })

  it('is refused in another media type, in the query, and when it is too large', async () => {
    const json = await post(app, '/oauth2/token', '{}', { ...crmAuth, 'content-type': 'application/json' })
    expect([json.status, json.body['code']]).toEqual([400, 'request_malformed'])
    const query = await post(app, '/oauth2/token?grant_type=x', '')
    expect([query.status, query.body['code']]).toEqual([400, 'request_malformed'])
    const large = await post(app, '/oauth2/token', `x=${'a'.repeat(49 * 1024)}`)
    expect([large.status, large.body['code']]).toEqual([400, 'body_too_large'])
  })

  it('says which mapper is missing, to the caller that has authenticated', async () => {
    const answer = await exchange(app, await idp.token({ aud: 'account' }))
    expect(answer.body['error']).toBe('invalid_request')
    expect(answer.body['error_description']).toContain('Audience mapper')
    expect(answer.body['error_description']).toContain('https://crm.example')
  })

  it('keeps no text of the token or of a cause in its answer', async () => {
    const answer = await exchange(app, 'canary.canary.canary')
    expect(JSON.stringify(answer)).not.toContain('canary')
  })
})

describe('a session that is refused', () => {
  it('has the reason and the rule of the policy', async () => {
    at.around.admit = () => ({ effect: 'deny', reason: 'not_allowed', rule: 'servers.crm.allow' })
    const answer = await exchange(app, await idp.token())
    expect([answer.status, answer.body['error'], answer.body['code']]).toEqual([
      400,
      'access_denied',
      'not_allowed',
    ])
    expect(at.around.events).toMatchObject([
      {
        kind: 'denial',
        reason: 'not_allowed',
        rule: 'servers.crm.allow',
        who: { principal: { subject: 'alice' } },
      },
    ])
  })

  it.each(['held', 'switched_off', 'lease_lapsed', 'cut'] as const)(
    'is refused when the log says %s',
    async (reason) => {
      at.around.barred = () => ({ reason })
      const answer = await exchange(app, await idp.token())
      expect(answer.body['code']).toBe(reason)
      expect(at.around.handed).toEqual([])
      expect(at.around.put).toEqual([])
    },
  )

  it('is refused when the sign-in is older than a cut, by auth_time and else by iat', async () => {
    const now = clock.now()
    const asked: number[] = []
    at.around.tooOld = (_work, signedIn) => {
      asked.push(signedIn)
      return signedIn < now - 50 ? { reason: 'cut' } : undefined
    }
    const old = await exchange(app, await idp.token({ auth_time: now - 100 }))
    expect(old.body['code']).toBe('sign_in_too_old')
    expect((await exchange(app, await idp.token({ auth_time: now - 10 }))).status).toBe(200)
    expect((await exchange(app, await idp.token())).status).toBe(200)
    expect(asked).toEqual([now - 100, now - 10, now])
  })

  it('does not leave when the log speaks while it is being recorded', async () => {
    let looks = 0
    at.around.barred = () => (looks++ === 0 ? undefined : { reason: 'cut' })
    const answer = await exchange(app, await idp.token())
    expect(answer.body['code']).toBe('cut')
    expect(answer.body['access_token']).toBeUndefined()
  })

  it('does not leave unrecorded', async () => {
    at.around.failNote = true
    const answer = await exchange(app, await idp.token())
    expect([answer.status, answer.body['code']]).toEqual([503, 'record_unavailable'])
    expect(answer.headers['retry-after']).toBeDefined()
  })
})

describe('a session token (RFC 9068, design §4)', () => {
  it('has exactly the claims of the contract', async () => {
    const now = clock.now()
    const token = await idp.token({
      auth_time: now - 60,
      sid: 'idp-session',
      act: { sub: 'agent', iss: 'https://a' },
    })
    const answer = await exchange(app, token, { audience: 'orders', scope: 'orders.read' })
    expect(answer.status).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      issued_token_type: accessTokenType,
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'orders.read',
    })
    const minted = answer.body['access_token'] as string
    expect(decodeProtectedHeader(minted)).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: expect.any(String) })
    expect(decodeJwt(minted)).toEqual({
      iss: 'https://crm.example/egress',
      aud: ['https://crm.example', 'https://orders.internal'],
      sub: 'alice',
      client_id: 'mcp-client',
      act: { sub: 'server:crm', iss: 'https://crm.example', act: { sub: 'agent', iss: 'https://a' } },
      sid: expect.stringMatching(/^[a-z2-7]{32}$/),
      jti: expect.any(String),
      scope: 'orders.read',
      iat: now,
      exp: now + 300,
      sp: {
        v: 1,
        kind: 'user',
        auth_time: now - 60,
        tenant: 'acme',
        idp: idp.issuer,
        server: 'crm',
        environment: 'test',
        rev: 3,
      },
    })
    expect(at.around.events).toMatchObject([
      {
        kind: 'mint',
        decision: 'allow',
        rev: 3,
        who: { sid: decodeJwt(minted)['sid'], jti: decodeJwt(minted).jti },
      },
    ])
    expect(JSON.stringify(at.around.events)).not.toContain(token.split('.')[2])
    expect(at.around.handed[0]?.token.reveal()).toBe(token)
    expect(at.around.put).toHaveLength(1)
  })

  it('is verified by anyone with the published keys', async () => {
    const { body } = await exchange(app, await idp.token())
    const published = (await app.inject('/oauth2/jwks')).json()
    expect(JSON.stringify(published)).not.toContain('"d"')
    const verified = await jwtVerify(body['access_token'], createLocalJWKSet(published), {
      currentDate: new Date(clock.now() * 1000),
      issuer: 'https://crm.example/egress',
      audience: 'https://crm.example',
      typ: 'at+jwt',
    })
    expect(verified.payload.sub).toBe('alice')
  })

  it('names all that the policy admits where nothing was asked for', async () => {
    at.around.admit = () => ({ effect: 'allow', permit: ['github'], reason: 'allowed', rule: 'r' })
    const { body } = await exchange(app, await idp.token())
    expect(decodeJwt(body['access_token']).aud).toEqual(['https://crm.example', 'https://github.internal'])
  })

  it('lives no longer than the subject token, nor than 900 s', async () => {
    const short = await exchange(app, await idp.token({ exp: clock.now() + 60 }))
    expect(short.body['expires_in']).toBe(60)
    const greedy = await opened({ logins: [aLogin(idp)], clock, lifetime: 86_400 }).app()
    const long = await exchange(greedy, await idp.token({ exp: clock.now() + 7200 }))
    expect(long.body['expires_in']).toBe(900)
  })

  it('hashes sub with the issuer where several issuers sign people in', async () => {
    const other = await startIdp({ clock })
    const both = opened({ logins: [aLogin(idp), aLogin(other)], clock })
    const face = await both.app()
    const subs = new Set<unknown>()
    for (const token of [await idp.token(), await other.token()]) {
      const { body } = await exchange(face, token)
      subs.add(decodeJwt(body['access_token']).sub)
      const access = await both.identity.identify(body['access_token'])
      expect(access.session.principal.subject).toBe('alice')
    }
    expect(subs.size).toBe(2)
    expect(subs.has('alice')).toBe(false)
    await other.close()
  })

  it('gives the same sign-in the same sid, before and after a restart, and any other sign-in another', async () => {
    const sidOf = async (claims: object, face = app) =>
      decodeJwt((await exchange(face, await idp.token({ ...claims }))).body['access_token'])['sid']
    const first = await sidOf({ sid: 's1' })
    expect(await sidOf({ sid: 's1' })).toBe(first)
    expect(await sidOf({ sid: 's1' }, await opened({ logins: [aLogin(idp)], clock }).app())).toBe(first)
    const others = [{ sid: 's2' }, {}, { sid: 's1', sub: 'bob' }, { sid: 's1', client_id: 'other' }]
    const sids = await Promise.all(others.map((claims) => sidOf(claims)))
    const sidKey = new Uint8Array(32).fill(8)
    const keyed = await sidOf({ sid: 's1' }, await opened({ logins: [aLogin(idp)], clock, sidKey }).app())
    expect(new Set([first, keyed, ...sids]).size).toBe(6)
  })
})

describe('introspection (RFC 7662)', () => {
  const minted = async (claims: object = {}) =>
    (await exchange(app, await idp.token({ ...claims }))).body['access_token']
  const ask = (token: string, headers: Record<string, string> = crmAuth, face = app) =>
    post(face, '/oauth2/introspect', form({ token }), headers)

  it('is refused without authentication or without a token', async () => {
    expect((await ask(await minted(), {})).status).toBe(401)
    expect((await post(app, '/oauth2/introspect', '')).body['error']).toBe('invalid_request')
  })

  it('says inactive, and nothing else, of whatever is no live session token of the caller', async () => {
    const token = await minted()
    const strangers = [await idp.token(), 'garbage', 'a.b.c', `${token}x`, token.slice(0, -4)]
    for (const stranger of strangers) expect((await ask(stranger)).body).toEqual({ active: false })
    clock.advance(300)
    expect((await ask(token)).body).toEqual({ active: false })
  })

  it('says inactive of a token of another server', async () => {
    const secret = aServer().client!.secret
    const servers = [aServer(), aServer({ name: 'billing', client: { id: 'billing', secret } })]
    const face = await opened({ logins: [aLogin(idp)], clock, servers }).app()
    const { body } = await exchange(face, await idp.token())
    const auth = { authorization: basic('billing', 'crm secret/+%') }
    expect((await ask(body['access_token'], auth, face)).body).toEqual({ active: false })
    expect((await ask(body['access_token'], crmAuth, face)).body).toMatchObject({ active: true })
  })

  it('reflects a cut at once, and does not guess while the lease has lapsed', async () => {
    const token = await minted()
    expect((await ask(token)).body).toMatchObject({
      active: true,
      sub: 'alice',
      token_type: 'Bearer',
      exp: clock.now() + 300,
    })
    at.around.barred = (_work, rev) => (rev < 4 ? { reason: 'cut' } : undefined)
    expect((await ask(token)).body).toEqual({ active: false })
    at.around.barred = () => ({ reason: 'lease_lapsed' })
    expect((await ask(token)).status).toBe(503)
  })
})

describe('revocation (RFC 7009)', () => {
  const revoke = (token: string, headers: Record<string, string> = crmAuth) =>
    post(app, '/oauth2/revoke', form({ token, token_type_hint: 'access_token' }), headers)

  it('is refused without authentication or without a token', async () => {
    const { body } = await exchange(app, await idp.token())
    expect((await revoke(body['access_token'], {})).status).toBe(401)
    expect((await post(app, '/oauth2/revoke', '')).body['error']).toBe('invalid_request')
    expect(at.around.revoked).toEqual([])
  })

  it('answers 200 to what it does not know, and does nothing', async () => {
    for (const token of ['garbage', await idp.token()]) expect((await revoke(token)).status).toBe(200)
    expect(at.around.revoked).toEqual([])
  })

  it('cuts the session of the token', async () => {
    const { body } = await exchange(app, await idp.token())
    expect((await revoke(body['access_token'])).status).toBe(200)
    expect(at.around.revoked).toMatchObject([
      { by: 'server:crm', session: { principal: { subject: 'alice' } } },
    ])
  })
})

describe('metadata (RFC 8414)', () => {
  it('is the same at the root and with the issuer inserted, and names what is served', async () => {
    const root = (await app.inject('/.well-known/oauth-authorization-server')).json()
    const inserted = (await app.inject('/.well-known/oauth-authorization-server/egress')).json()
    expect(inserted).toEqual(root)
    expect(root).toMatchObject({
      issuer: 'https://crm.example/egress',
      token_endpoint: 'http://127.0.0.1:9180/oauth2/token',
      jwks_uri: 'http://127.0.0.1:9180/oauth2/jwks',
    })
  })
})

describe('targets that two downstreams share', () => {
  it('need both to be admitted', async () => {
    const downstreams = [aDownstream('a', 'https://api'), aDownstream('b', 'https://api')]
    const shared = opened({ logins: [aLogin(idp)], clock, downstreams })
    shared.around.admit = () => ({ effect: 'allow', permit: ['a'], reason: 'allowed', rule: 'r' })
    const face = await shared.app()
    expect((await exchange(face, await idp.token(), { resource: 'https://api' })).body['error']).toBe(
      'invalid_target',
    )
    const { body } = await exchange(face, await idp.token(), { audience: 'a' })
    expect(decodeJwt(body['access_token']).aud).toEqual(['https://crm.example', 'https://api'])
    expect(await codeOf(() => shared.identity.identify(body['access_token']))).toBe('no error')
  })
})
