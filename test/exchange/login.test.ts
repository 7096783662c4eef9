import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Exchange } from '../../src/exchange/index.ts'
import { type Access, epoch, type GrantPlace, Secret, type Session } from '../../src/model/index.ts'
import { oauthError, unsignedJwt } from '../kit/provider.ts'
import { claimsIn, codeOf, exchanged, type Rig, rig } from './rig.ts'

const idpSid = 'idp-session-1'

/** A session of alice that signed in here. */
const sessionOf = (it: Rig, over: Partial<Session> = {}): Session => ({
  ...it.session(),
  idpSid,
  subjectFrom: 'login',
  ...over,
})

function needOf(it: Rig, downstream = exchanged(it.provider.issuer), session = sessionOf(it)) {
  const need = it.need(downstream)
  const access: Access = { ...need.access, session }
  return { ...need, access }
}

/** Alice has signed in at the provider: what it gave is kept. */
async function keep(it: Rig, refreshable = true): Promise<string> {
  const { accessToken, refreshToken } = it.provider.login()
  await it.exchange.keepLogin({
    principal: it.session().principal,
    idpSid,
    tokens: {
      accessToken: new Secret(accessToken, 'access token'),
      ...(refreshable ? { refreshToken: new Secret(refreshToken, 'refresh token') } : {}),
      expiresIn: 300,
      scope: 'openid profile',
    },
    rev: it.gate.applied,
  })
  return refreshToken
}

const row = (it: Rig) => [...it.connections.rows.values()].find(({ kind }) => kind === 'login')!
const place = (it: Rig): GrantPlace => row(it).place
const grant = (it: Rig) => it.secrets.peek(place(it))?.grant

describe('a login connection', () => {
  test('is the person’s, in a vault group of its own, and of no server, client or session', async () => {
    const it = rig()
    await keep(it)
    expect(row(it)).toMatchObject({ kind: 'login', server: '', status: 'active' })
    expect(row(it)).not.toHaveProperty('sid')
    expect(row(it)).not.toHaveProperty('client')
    expect(place(it)).toMatchObject({ group: 'login', downstream: 'login', principal: { subject: 'alice' } })
    expect(it.events).toMatchObject([{ kind: 'connect', downstream: 'login', result: 'done' }])
  })

  test('gives exchanges their subject token, and a new one when that has ended', async () => {
    const it = rig()
    await keep(it)
    const downstream = exchanged(it.provider.issuer)
    expect(claimsIn(await it.exchange.acquire(needOf(it, downstream)))).toMatchObject({ sub: 'alice' })
    expect(it.provider.count('refresh_token')).toBe(0)
    it.clock.advance(3_600)
    const later = await it.exchange.acquire(needOf(it, downstream))
    expect(claimsIn(later)).toMatchObject({ sub: 'alice', aud: 'orders-api' })
    expect(it.provider.count('refresh_token')).toBe(1)
    expect(grant(it)?.gen).toBe(2)
    expect(it.provider.alive.has(grant(it)!.rt!.reveal())).toBe(true)
    expect(it.events).toContainEqual(
      expect.objectContaining({ kind: 'refresh', downstream: 'login', result: 'done' }),
    )
  })

  test('is refreshed once for all who need it at once, in every process', async () => {
    const it = rig()
    await keep(it)
    it.clock.advance(3_600)
    const { issuer } = it.provider
    const processes = [it.exchange, it.replica(), it.replica()]
    const wants = processes.flatMap((exchange) =>
      Array.from({ length: 20 }, (_, at) => ({ exchange, to: exchanged(issuer, { scope: [`s${at}`] }) })),
    )
    const got = await Promise.all(
      wants.map(({ exchange, to }, at) =>
        Promise.resolve(exchange.acquire(needOf(it, to, sessionOf(it, { sid: `sid-${at}` })))),
      ),
    )
    expect(got.map((credential) => claimsIn(credential)['sub'])).toEqual(wants.map(() => 'alice'))
    expect(it.provider.count('refresh_token')).toBe(1)
  })

  test('is not there for a session whose sign-in brought none', async () => {
    const it = rig()
    await keep(it)
    const need = needOf(it, undefined, sessionOf(it, { subjectFrom: 'none' }))
    expect(await codeOf(() => it.exchange.acquire(need))).toBe('subject_absent')
    const { subjectFrom: _login, ...handed } = sessionOf(it)
    expect(await codeOf(() => it.exchange.acquire(needOf(it, undefined, handed)))).toBe('subject_expired')
  })

  test('is not another person’s, nor that of another sign-in', async () => {
    const it = rig()
    await keep(it)
    const bob = sessionOf(it, { principal: { ...it.session().principal, subject: 'bob' } })
    const elsewhere = sessionOf(it, { idpSid: 'idp-session-2' })
    for (const session of [bob, elsewhere])
      expect(await codeOf(() => it.exchange.acquire(needOf(it, undefined, session)))).toBe('subject_expired')
  })

  test('that is dead at the provider ends the session, and is not tried again', async () => {
    const it = rig()
    await keep(it)
    it.clock.advance(3_600)
    it.provider.knobs.respond = ({ form }) =>
      form['grant_type'] === 'refresh_token' ? oauthError('invalid_grant') : undefined
    expect(await codeOf(() => it.exchange.acquire(needOf(it)))).toBe('subject_expired')
    expect(it.ended).toEqual([{ sid: sessionOf(it).sid, cause: 'its sign-in at the login issuer has ended' }])
    expect(await codeOf(() => it.exchange.acquire(needOf(it)))).toBe('subject_expired')
    expect(it.provider.count('refresh_token')).toBe(1)
    expect(await it.exchange.checkLogin(sessionOf(it))).toEqual({ state: 'ended' })
  })

  test('without a refresh token is good while its access token lives', async () => {
    const it = rig()
    await keep(it, false)
    await it.exchange.acquire(needOf(it))
    expect(await it.exchange.checkLogin(sessionOf(it))).toEqual({ state: 'alive' })
    it.clock.advance(300)
    expect(await codeOf(() => it.exchange.acquire(needOf(it)))).toBe('subject_expired')
    expect(it.ended).toHaveLength(1)
    expect(await it.exchange.checkLogin(sessionOf(it))).toEqual({ state: 'ended' })
  })

  test('is not lost to a provider that is away', async () => {
    const it = rig()
    await keep(it)
    it.clock.advance(3_600)
    it.provider.knobs.respond = () => new Response('', { status: 503 })
    expect(await codeOf(() => it.exchange.acquire(needOf(it)))).toBe('exchange_unavailable')
    expect(await it.exchange.checkLogin(sessionOf(it))).toEqual({ state: 'unknown' })
    expect(it.ended).toEqual([])
    it.provider.knobs.respond = undefined
    it.clock.advance(600)
    expect(claimsIn(await it.exchange.acquire(needOf(it)))).toMatchObject({ sub: 'alice' })
  })

  test('is asked after the person, and says what the ID token says', async () => {
    const it = rig()
    await keep(it)
    expect(await it.exchange.checkLogin(sessionOf(it))).toEqual({ state: 'alive' })
    expect(it.provider.count('refresh_token')).toBe(1)
    const said = { iss: it.provider.issuer, sub: 'alice', aud: 'sallyport', groups: ['crm-users'] }
    it.provider.knobs.tamper = ({ body }) => {
      // The library reads the machine's clock.
      const now = Math.floor(Date.now() / 1000)
      body['id_token'] = unsignedJwt({ ...said, iat: now, exp: now + 300 })
    }
    expect(await it.exchange.checkLogin(sessionOf(it))).toMatchObject({ state: 'alive', claims: said })
    expect(it.provider.count('refresh_token')).toBe(2)
  })

  test('is asked after the person ten times a minute at most, however often a client comes', async () => {
    const it = rig()
    await keep(it)
    const check = () => it.exchange.checkLogin(sessionOf(it))
    for (let time = 0; time < 25; time += 1) expect(await check()).toEqual({ state: 'alive' })
    expect(it.provider.count('refresh_token')).toBe(10)
    it.clock.advance(60)
    await check()
    expect(it.provider.count('refresh_token')).toBe(11)
  })

  test('takes no answer about somebody else', async () => {
    const it = rig()
    await keep(it)
    it.clock.advance(3_600)
    it.provider.knobs.tamper = (draft) => {
      draft.claims = { ...draft.claims, iss: it.provider.issuer, sub: 'mallory' }
    }
    expect(await codeOf(() => it.exchange.acquire(needOf(it)))).toBe('exchange_response_refused')
    expect(grant(it)?.gen).toBe(1)
    expect(it.provider.count('urn:ietf:params:oauth:grant-type:token-exchange')).toBe(0)
  })

  test('of another client of ours is not refreshed', async () => {
    const it = rig()
    await keep(it)
    it.clock.advance(3_600)
    const stored = it.secrets.peek(place(it))!
    await it.secrets.update(place(it), { ...stored.grant!, registration: 'another' }, stored.version)
    expect(await codeOf(() => it.exchange.acquire(needOf(it)))).toBe('subject_expired')
    expect(it.provider.count('refresh_token')).toBe(0)
  })

  test.each([
    ['user', (it: Rig) => ({ kind: 'user', principal: it.session().principal }) as const],
    ['connection', (it: Rig) => ({ kind: 'connection', tenant: 'acme', connection: row(it).id }) as const],
  ])('cut by its %s gives nothing from then on, though it is still stored', async (_kind, scopeOf) => {
    const it = rig()
    await keep(it)
    const scope = scopeOf(it)
    it.gate.cut(scope)
    it.exchange.bar(scope)
    const session = sessionOf(it, { sid: 'another' })
    const need = { ...needOf(it, undefined, session), rev: it.gate.applied }
    expect(await codeOf(() => it.exchange.acquire(need))).toMatch(/^(cut|subject_expired)$/)
    expect(await it.exchange.checkLogin(sessionOf(it))).toEqual({ state: 'ended' })
  })

  test('cut while it is refreshed leaves nothing behind, here or at the provider', async () => {
    const it = rig()
    await keep(it)
    it.clock.advance(3_600)
    const { promise, resolve } = Promise.withResolvers<undefined>()
    it.provider.knobs.respond = async ({ form }) => {
      if (form['grant_type'] === 'refresh_token') await promise
      return undefined
    }
    const acquiring = codeOf(() => it.exchange.acquire(needOf(it)))
    await pause(20)
    const scope = { kind: 'user', principal: it.session().principal } as const
    it.gate.cut(scope)
    it.exchange.bar(scope)
    expect(await acquiring).toBe('cut')
    resolve(undefined)
    await expect.poll(() => it.provider.alive.size).toBe(0)
    expect(grant(it)?.gen).toBe(1)
  })

  test('is revoked by our client at the login issuer', async () => {
    const it = rig()
    const token = await keep(it)
    const sealed = new Secret(token, 'refresh token')
    expect(await it.exchange.revokeAtProvider(place(it), sealed)).toEqual({ outcome: 'revoked' })
    expect(it.provider.alive.size).toBe(0)
  })

  test('of the same sign-in replaces the former, without ending it at the provider', async () => {
    const it = rig()
    await keep(it)
    const again = await keep(it)
    expect(grant(it)).toMatchObject({ gen: 2 })
    expect(grant(it)?.rt?.reveal()).toBe(again)
    expect(it.provider.revoked).toEqual([])
    expect([...it.connections.rows.values()]).toHaveLength(1)
  })
})

describe('login connections that nobody needs', () => {
  const drop = (exchange: Exchange, inUse: readonly Session[]) => exchange.dropUnusedLogins('acme', inUse)

  test('are destroyed and given back after two hours', async () => {
    const it = rig()
    await keep(it)
    await drop(it.exchange, [])
    it.clock.advance(7_201)
    await drop(it.exchange, [sessionOf(it)])
    expect(row(it).status).toBe('active')
    await drop(it.exchange, [sessionOf(it, { idpSid: 'idp-session-2' })])
    expect(row(it).status).toBe('destroyed')
    expect(it.secrets.peek(place(it))?.tomb?.cause).toBe('no client needs it any more')
    await expect.poll(() => it.provider.revoked).toHaveLength(1)
    // Whoever signs in afterwards has one again.
    await keep(it)
    await it.exchange.acquire(needOf(it))
  })

  test('are left alone where they are of another kind', async () => {
    const it = rig()
    await keep(it)
    const kept = row(it)
    it.connections.rows.set(kept.id, { ...kept, kind: 'linked', createdAt: epoch(0) })
    await drop(it.exchange, [])
    expect(it.connections.rows.get(kept.id)?.status).toBe('active')
  })
})
