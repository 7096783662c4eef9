import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { epoch } from '../../src/model/index.ts'
import {
  aClient,
  aRobot,
  claimsOf,
  codeForm,
  codeOf,
  crm,
  erp,
  openWorld,
  outcome,
  refreshForm,
  signedIn,
  url,
  visitor,
} from './token-world.ts'

describe('an authorization code', () => {
  test('becomes an access token that says who, for what and until when', async () => {
    const world = await openWorld()
    const answer = await world.token(codeForm(await world.code()))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'mcp' })
    const keys = await (await fetch(`${world.origin}/oauth2/keys`)).json()
    const { payload, protectedHeader } = await jwtVerify(
      answer.body['access_token'],
      createLocalJWKSet(keys as never),
      { currentDate: new Date(world.around.clock.now() * 1000) },
    )
    expect(protectedHeader).toMatchObject({ typ: 'at+jwt', alg: 'EdDSA' })
    expect(payload).toMatchObject({
      iss: url,
      aud: crm.resource,
      sub: 'alice',
      client_id: 'chat',
      scope: 'mcp',
      sp: { v: 1, kind: 'user', tenant: 'acme', idp: world.idp.issuer, server: 'crm', environment: 'test' },
    })
    expect(payload).not.toHaveProperty('act')
  })

  test('opens the gateway for the session that the token names, with the groups of the sign-in', async () => {
    const world = await openWorld()
    const answer = await signedIn(world)
    const access = await world.enter(answer['access_token'])
    expect(access.session).toMatchObject({
      sid: claimsOf(answer)['sid'],
      client: 'chat',
      groups: ['crm-users'],
      idpSid: 'idp-session-1',
      subjectFrom: 'login',
    })
    expect(access.actor).toMatchObject({ subject: 'server:crm' })
    // From memory from here on.
    expect(world.identity.enterAt(answer['access_token'], crm)).toBe(access)
    // It stands on the state, so it outlives the process.
    expect((await (await world.beside()).enter(answer['access_token'])).session.sid).toBe(access.session.sid)
    expect(world.around.handed).toEqual([])
  })

  test.each([
    ['another client', { client_id: 'other' }],
    ['another redirect URI', { redirect_uri: 'https://chat.example/callback/' }],
    ['another verifier', { code_verifier: 'w'.repeat(43) }],
    ['no verifier', { code_verifier: undefined }],
    ['a verifier that is too short', { code_verifier: 'v'.repeat(42) }],
  ])('is refused with %s, and gone then', async (_what, over) => {
    const world = await openWorld({ clients: [aClient('chat'), aClient('other')] })
    const code = await world.code()
    expect(outcome(await world.token(codeForm(code, over)))).toBe('400 invalid_grant grant_invalid')
    expect(outcome(await world.token(codeForm(code)))).toBe('400 invalid_grant grant_invalid')
    expect(world.around.ended).toEqual([])
  })

  test('is refused for another resource, and after its minute', async () => {
    const world = await openWorld()
    const elsewhere = await world.token(codeForm(await world.code(), { resource: erp.resource }))
    expect(outcome(elsewhere)).toBe('400 invalid_target resource_refused')
    const both = await world.token(codeForm(await world.code(), { resource: [crm.resource, erp.resource] }))
    expect(outcome(both)).toBe('400 invalid_target resource_refused')
    const late = await world.code()
    world.around.clock.advance(60)
    expect(outcome(await world.token(codeForm(late)))).toBe('400 invalid_grant grant_invalid')
  })

  test('needs neither resource nor redirect URI again', async () => {
    const world = await openWorld()
    const bare = codeForm(await world.code(), { resource: undefined, redirect_uri: undefined })
    expect((await world.token(bare)).status).toBe(200)
  })

  test('that is shown twice ends what it made', async () => {
    const world = await openWorld()
    const code = await world.code()
    const { body } = await world.token(codeForm(code))
    await world.enter(body['access_token'])
    // Whoever has the code and not the verifier.
    const thief = await world.token(codeForm(code, { code_verifier: undefined }))
    expect(outcome(thief)).toBe('400 invalid_grant grant_replayed')
    expect(await codeOf(() => world.enter(body['access_token']))).toBe('token_revoked')
    expect(outcome(await world.token(refreshForm(body['refresh_token'])))).toBe(
      '400 invalid_grant grant_invalid',
    )
    expect(world.around.ended).toEqual([
      { sid: claimsOf(body)['sid'], cause: 'its authorization code was shown again' },
    ])
    expect(world.around.events.at(-2)).toMatchObject({ kind: 'denial', reason: 'grant_replayed' })
  })

  test('that many show at once, at two processes, leaves nothing that works', async () => {
    const world = await openWorld()
    const other = await world.beside()
    const code = await world.code()
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? world : other).token(codeForm(code))),
    )
    const given = answers.filter(({ status }) => status === 200)
    expect(given.length).toBeLessThanOrEqual(1)
    for (const { body } of given) {
      expect(await codeOf(() => world.enter(body['access_token']))).toBe('token_revoked')
      expect(outcome(await world.token(refreshForm(body['refresh_token'])))).toBe(
        '400 invalid_grant grant_invalid',
      )
    }
  })

  test('made up or altered is looked up nowhere', async () => {
    const world = await openWorld()
    const code = await world.code()
    const altered = code.slice(0, -1) + (code.endsWith('A') ? 'B' : 'A')
    for (const wrong of ['', 'sp_ac_x', altered, `${code}x`])
      expect(outcome(await world.token(codeForm(wrong)))).toBe('400 invalid_grant grant_invalid')
    expect((await world.token(codeForm(code))).status).toBe(200)
  })

  test('is worth nothing once its person was cut, and neither is an older sign-in afterwards', async () => {
    const world = await openWorld()
    const code = await world.code()
    const { principal } = visitor(world.around, world.idp)
    await world.revoke({ kind: 'user', principal })
    expect(outcome(await world.token(codeForm(code)))).toMatch(/^400 invalid_grant (cut|sign_in_too_old)$/)
    expect(await codeOf(() => world.code())).toBe('sign_in_too_old')
    world.around.clock.advance(10)
    expect((await world.token(codeForm(await world.code()))).status).toBe(200)
  })

  test('is not issued for a session that ended after the person had signed in', async () => {
    const world = await openWorld()
    const before = visitor(world.around, world.idp)
    const answer = await signedIn(world)
    world.around.clock.advance(60)
    await world.post('/oauth2/revoke', { client_id: 'chat', token: answer['refresh_token'] })
    expect(await codeOf(() => world.code({ visitor: before }))).toBe('sign_in_too_old')
    // With another client, or at another server, it is another session.
    expect(await codeOf(() => world.code({ visitor: before, server: erp }))).toBe('no error')
    const again = visitor(world.around, world.idp, { authTime: epoch(world.around.clock.now() + 1) })
    world.around.clock.advance(2)
    expect(await codeOf(() => world.code({ visitor: again }))).toBe('no error')
  })

  test('is refused where the policy has become another, with its reason', async () => {
    const world = await openWorld()
    const code = await world.code()
    world.around.admit = () => ({ effect: 'deny', reason: 'not_allowed', rule: 'servers.crm.allow' })
    expect(outcome(await world.token(codeForm(code)))).toBe('400 access_denied not_allowed')
    expect(world.around.events.at(-1)).toMatchObject({
      kind: 'denial',
      reason: 'not_allowed',
      rule: 'servers.crm.allow',
      who: { principal: { subject: 'alice' }, client: 'chat', server: 'crm' },
    })
  })

  test('of a client that may not refresh gives a sign-in that ends with its token', async () => {
    const world = await openWorld({ clients: [aClient('chat', { grants: ['authorization_code'] })] })
    const { body } = await world.token(codeForm(await world.code()))
    expect(body).not.toHaveProperty('refresh_token')
    world.around.clock.advance(3_600)
    expect(await codeOf(() => world.enter(body['access_token']))).toBe('token_expired')
    expect(await world.state.signIns.list('acme', undefined, world.around.clock.now())).toEqual([])
  })

  test('never makes one session of two clients that nobody knows', async () => {
    const clients = [
      aClient('dcr-1', { name: 'unverified' }),
      aClient('dcr-2', { name: 'unverified' }),
      aRobot('r'),
    ]
    const world = await openWorld({ clients })
    const sids = []
    for (const client of clients.slice(0, 2)) {
      const code = await world.code({ client })
      const { body } = await world.token(codeForm(code, { client_id: client.id }))
      const { session } = await world.enter(body['access_token'])
      expect(session.client).toBe('unverified')
      expect(session.sid).toBe(claimsOf(body)['sid'])
      sids.push(session.sid)
    }
    expect(sids[0]).not.toBe(sids[1])
  })
})
