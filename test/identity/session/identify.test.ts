import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { decodeJwt } from 'jose'
import type { Access } from '../../../src/model/index.ts'
import { steppedClock } from '../../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../../kit/idp.ts'
import { aLogin, aServer, codeOf, exchange, type Opened, type OpenedOptions, opened } from '../opened.ts'

let clock: ReturnType<typeof steppedClock>
let idp: Idp

beforeAll(async () => {
  idp = await startIdp({ clock: { now: () => clock.now(), monotonic: () => clock.monotonic() } })
})
afterAll(() => idp.close())
beforeEach(() => {
  clock = steppedClock()
})

const open = (over: Partial<OpenedOptions> = {}) => opened({ logins: [aLogin(idp)], clock, ...over })
const accepting = (over: object = {}) => aServer({ acceptSubjectToken: true, ...over })

const mint = async (at: Opened, claims: Record<string, unknown> = {}): Promise<string> => {
  const { status, body } = await exchange(await at.app(), await idp.token(claims))
  expect(status).toBe(200)
  return body['access_token']
}

describe('a session token at the egress', () => {
  it('is refused when it has expired, also when it was seen before', async () => {
    const at = open()
    const token = await mint(at)
    expect(await codeOf(() => at.identity.identify(token))).toBe('no error')
    clock.advance(299)
    expect(await codeOf(() => at.identity.identify(token))).toBe('no error')
    clock.advance(1)
    expect(await codeOf(() => at.identity.identify(token))).toBe('token_expired')
  })

  it('of another process is refused, and so is one from before a restart', async () => {
    const token = await mint(open())
    expect(await codeOf(() => open().identity.identify(token))).toBe('token_signature_invalid')
  })

  it('is told apart by its whole text: no other token takes its place in the cache', async () => {
    const at = open()
    const token = await mint(at)
    await at.identity.identify(token)
    const [header, payload, signature] = token.split('.') as [string, string, string]
    const claims = { ...decodeJwt(token), sub: 'admin' }
    const forged = Buffer.from(JSON.stringify(claims)).toString('base64url')
    const flipped = `${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`
    for (const other of [`${header}.${forged}.${signature}`, `${header}.${payload}.${flipped}`]) {
      expect(await codeOf(() => at.identity.identify(other))).toBe('token_signature_invalid')
    }
    const last = `${header}.${payload}.${signature.slice(0, -1)}`
    expect(await codeOf(() => at.identity.identify(last))).toMatch(/token_(malformed|signature_invalid)/)
  })

  it('says whose session it is, without waiting, and the same object again', async () => {
    const at = open()
    const token = await mint(at, { sid: 'idp-session' })
    const access = at.identity.identify(token)
    expect(access).not.toBeInstanceOf(Promise)
    expect(access).toMatchObject({
      session: {
        principal: { kind: 'user', tenant: 'acme', issuer: idp.issuer, subject: 'alice' },
        client: 'mcp-client',
        server: 'crm',
        idpSid: 'idp-session',
        groups: ['crm-users'],
        groupsComplete: true,
        rev: 3,
      },
      actor: { subject: 'server:crm', issuer: 'https://crm.example' },
      audiences: ['https://crm.example', 'https://orders.internal', 'https://github.internal'],
      scopes: ['orders.read', 'profile'],
      expiresAt: clock.now() + 300,
      rev: 3,
    })
    expect(at.identity.identify(token)).toBe(access)
    at.identity.forget()
    expect(at.identity.identify(token)).not.toBe(access)
  })

  it('keeps its own rev when the session is made anew after a cut', async () => {
    const at = open()
    const former = await mint(at)
    at.around.applied = 9
    const later = await mint(at)
    expect((at.identity.identify(former) as Access).rev).toBe(3)
    expect((at.identity.identify(later) as Access).rev).toBe(9)
  })

  it('takes no lost group back from an older subject token', async () => {
    const at = open()
    const old = await idp.token({ groups: ['admins'] })
    clock.advance(10)
    const token = await mint(at, { groups: ['crm-users'] })
    const face = await at.app()
    const again = (await exchange(face, old)).body['access_token']
    for (const shown of [token, again]) {
      expect((at.identity.identify(shown) as Access).session.groups).toEqual(['crm-users'])
    }
  })
})

describe('a subject token at the egress (servers.x.accept)', () => {
  it('is refused where no server accepts it, before any key is fetched', async () => {
    const at = open()
    expect(await codeOf(async () => at.identity.identify(await idp.token()))).toBe('token_issuer_unknown')
    expect(at.around.fetched).toEqual([])
  })

  it('is refused for a server whose audiences it does not name, or that shares them with another', async () => {
    const at = open({ servers: [accepting()] })
    const other = await idp.token({ aud: 'https://billing.example' })
    expect(await codeOf(() => at.identity.identify(other))).toBe('token_audience_refused')
    const shared = open({ servers: [accepting(), accepting({ name: 'billing' })] })
    expect(await codeOf(async () => shared.identity.identify(await idp.token()))).toBe(
      'token_audience_refused',
    )
  })

  it.each([
    [
      'a deny of the policy',
      (at: Opened) => (at.around.admit = () => ({ effect: 'deny', reason: 'not_allowed', rule: 'r' })),
      'not_allowed',
    ],
    [
      'a sign-in older than a cut',
      (at: Opened) => (at.around.tooOld = () => ({ reason: 'cut' })),
      'sign_in_too_old',
    ],
    ['a hold', (at: Opened) => (at.around.barred = () => ({ reason: 'held' })), 'held'],
    ['a record that cannot be written', (at: Opened) => (at.around.failNote = true), 'record_unavailable'],
  ])('is refused by %s, like an exchange', async (_what, turn, expected) => {
    const at = open({ servers: [accepting()] })
    turn(at)
    expect(await codeOf(async () => at.identity.identify(await idp.token()))).toBe(expected)
  })

  it('opens a session through the same door as an exchange, once', async () => {
    const { client: _none, ...other } = aServer({ name: 'other', audiences: ['x'] })
    const at = open({ servers: [accepting(), other] })
    const token = await idp.token({ auth_time: clock.now() - 5 })
    const [first, second] = await Promise.all([at.identity.identify(token), at.identity.identify(token)])
    expect(second).toBe(first)
    expect(at.identity.identify(token)).toBe(first)
    expect(first).toMatchObject({
      session: { server: 'crm', principal: { subject: 'alice' }, rev: 3 },
      actor: { subject: 'server:crm' },
      audiences: ['https://crm.example', 'https://orders.internal', 'https://github.internal'],
      expiresAt: clock.now() + 300,
    })
    expect(at.around.events).toMatchObject([{ kind: 'mint', details: { bearer: 'subject token' } }])
    expect(at.around.handed.map(({ token: handed }) => handed.reveal())).toEqual([token])
    const minted = decodeJwt((await exchange(await at.app(), token)).body['access_token'])
    expect(minted['sid']).toBe(first.session.sid)
  })

  it('is verified again after it was forgotten, and not remembered across a cut', async () => {
    const at = open({ servers: [accepting()] })
    const token = await idp.token()
    const pending = at.identity.identify(token)
    at.identity.forget()
    await pending
    expect(at.identity.identify(token)).toBeInstanceOf(Promise)
    await at.identity.identify(token)
    at.around.tooOld = () => ({ reason: 'cut' })
    expect(at.identity.identify(token)).not.toBeInstanceOf(Promise)
    at.identity.forget()
    expect(await codeOf(() => at.identity.identify(token))).toBe('sign_in_too_old')
  })

  it('ends with its own expiry', async () => {
    const at = open({ servers: [accepting()] })
    const token = await idp.token({ exp: clock.now() + 20 })
    await at.identity.identify(token)
    clock.advance(20)
    expect(await codeOf(() => at.identity.identify(token))).toBe('token_expired')
  })
})
