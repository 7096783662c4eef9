import { describe, expect, test } from 'vitest'
import {
  aClient,
  aRobot,
  type Answered,
  claimsOf,
  codeOf,
  crm,
  erp,
  exchangeGrant,
  type Form,
  jwtGrant,
  openWorld,
  outcome,
  robotAuth,
  url,
  type World,
} from './token-world.ts'

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

const askWith =
  (grant: string) =>
  (world: World, form: Form, client = 'robot'): Promise<Answered> =>
    world.token({ grant_type: grant, ...form }, robotAuth(client))

describe('a client as itself', () => {
  const ask = askWith('client_credentials')

  test('is a workload, at one server, without a refresh token', async () => {
    const world = await openWorld({ clients: [aRobot('robot', { name: 'nightly' })] })
    const { status, body } = await ask(world, { resource: crm.resource })
    expect(status).toBe(200)
    expect(body).not.toHaveProperty('refresh_token')
    expect(claimsOf(body)).toMatchObject({
      aud: crm.resource,
      sub: 'robot',
      client_id: 'robot',
      scope: 'mcp',
      sp: { kind: 'workload', idp: url },
    })
    const { session } = await world.enter(body['access_token'])
    expect(session).toMatchObject({
      principal: { kind: 'workload', issuer: url, subject: 'robot' },
      client: 'nightly',
      registration: 'robot',
      groups: [],
      groupsComplete: true,
      subjectFrom: 'none',
      sid: claimsOf(body)['sid'],
    })
  })

  test.each<[string, Form, string]>([
    ['no resource', {}, '400 invalid_target resource_refused'],
    ['two', { resource: [crm.resource, erp.resource] }, '400 invalid_target resource_refused'],
    ['an unknown one', { resource: `${crm.resource}/` }, '400 invalid_target resource_refused'],
    [
      'another audience',
      { resource: crm.resource, audience: erp.resource },
      '400 invalid_target resource_refused',
    ],
    [
      'a scope of people',
      { resource: crm.resource, scope: 'mcp offline_access' },
      '400 invalid_scope scope_refused',
    ],
    ['a scope that is none', { resource: crm.resource, scope: 'a"b' }, '400 invalid_scope scope_refused'],
  ])('is refused with %s', async (_what, form, expected) => {
    const world = await openWorld({ clients: [aRobot('robot')] })
    expect(outcome(await ask(world, form))).toBe(expected)
  })

  test('is refused by its registration, its servers, and the policy', async () => {
    const clients = [aRobot('robot', { grants: [jwtGrant] }), aRobot('elsewhere', { servers: ['erp'] })]
    const world = await openWorld({ clients })
    expect(outcome(await ask(world, { resource: crm.resource }))).toBe(
      '400 unauthorized_client client_grant_refused',
    )
    const there = await ask(world, { resource: crm.resource }, 'elsewhere')
    expect(outcome(there)).toBe('400 unauthorized_client client_not_for_server')
    world.around.admit = () => ({ effect: 'deny', reason: 'not_allowed', rule: 'x' })
    const denied = await ask(world, { resource: erp.resource }, 'elsewhere')
    expect(outcome(denied)).toBe('400 access_denied not_allowed')
  })

  test('gives its token back, and has nothing then', async () => {
    const world = await openWorld({ clients: [aRobot('robot')] })
    const { body } = await ask(world, { resource: crm.resource })
    world.around.clock.advance(1)
    const answer = await world.post('/oauth2/revoke', { token: body['access_token'] }, robotAuth('robot'))
    expect(answer.status).toBe(200)
    expect(await codeOf(() => world.enter(body['access_token']))).toBe('token_revoked')
    world.around.clock.advance(1)
    expect((await ask(world, { resource: crm.resource })).status).toBe(200)
  })
})

describe('a token of the login issuer', () => {
  const exchange = askWith(exchangeGrant)
  const form = (subject: string, over: Form = {}): Form => ({
    subject_token: subject,
    subject_token_type: accessTokenType,
    resource: crm.resource,
    ...over,
  })
  const open = () => openWorld({ clients: [aRobot('robot'), aRobot('other')] })

  test('becomes one of ours, of the same person, with the client as actor', async () => {
    const world = await open()
    const token = await world.idp.token({ aud: crm.resource, sid: 'idp-session-1', scope: 'mcp profile' })
    const { status, body } = await exchange(world, form(token))
    expect(status, JSON.stringify(body)).toBe(200)
    expect(body).toMatchObject({ issued_token_type: accessTokenType, scope: 'mcp profile', expires_in: 300 })
    expect(body).not.toHaveProperty('refresh_token')
    expect(claimsOf(body)).toMatchObject({
      sub: 'alice',
      aud: crm.resource,
      client_id: 'robot',
      act: { sub: 'robot', iss: url },
      sp: { kind: 'user', idp: world.idp.issuer },
    })
    const access = await world.enter(body['access_token'])
    expect(access.session).toMatchObject({ client: 'robot', groups: ['crm-users'], idpSid: 'idp-session-1' })
    expect(access.actor).toMatchObject({ subject: 'server:crm', actingFor: { subject: 'robot' } })
    // Exchanges go on with the person's own token.
    expect(world.around.handed.map(({ sid }) => sid)).toEqual([access.session.sid])
  })

  test.each<[string, Form, string]>([
    ['no resource', { resource: undefined }, '400 invalid_target resource_refused'],
    ['an actor token', { actor_token: 'x' }, '400 invalid_request request_malformed'],
    [
      'another type',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
      '400 invalid_request subject_token_type_refused',
    ],
    [
      'another type of answer',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      '400 invalid_request request_malformed',
    ],
    ['a scope that it has not', { scope: 'orders.write' }, '400 invalid_scope scope_refused'],
    ['another server', { resource: erp.resource }, '400 invalid_request token_audience_refused'],
  ])('is refused with %s', async (_what, over, expected) => {
    const world = await open()
    const token = await world.idp.token({ aud: crm.resource })
    expect(outcome(await exchange(world, form(token, over)))).toBe(expected)
  })

  test('is refused where it is one of ours', async () => {
    const world = await open()
    const own = (await askWith('client_credentials')(world, { resource: crm.resource })).body['access_token']
    expect(outcome(await exchange(world, form(own)))).toBe('400 invalid_request token_is_session')
  })

  test('of a workload becomes one of ours', async () => {
    const workloads = { audience: 'sallyport', subjects: ['job:*'] }
    const world = await openWorld({ clients: [aRobot('robot')], workloads })
    const token = await world.idp.token({ sub: 'job:nightly', aud: 'sallyport' }, { typ: 'JWT' })
    const { status, body } = await exchange(world, form(token))
    expect(status, JSON.stringify(body)).toBe(200)
    expect(claimsOf(body)).toMatchObject({ sub: 'job:nightly', sp: { kind: 'workload' } })
  })
})

describe('an ID-JAG', () => {
  const redeem = askWith(jwtGrant)
  const open = () =>
    openWorld({ clients: [aRobot('robot'), aRobot('other'), aClient('public', { grants: [jwtGrant] })] })
  const idJag = (world: World, claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
    world.idp.token(
      { aud: url, client_id: 'robot', resource: crm.resource, scope: 'mcp', ...claims },
      { typ: 'oauth-id-jag+jwt', ...header },
    )

  test('becomes an access token of its person, for its client and resource, without a refresh token', async () => {
    const world = await open()
    const { status, body } = await redeem(world, { assertion: await idJag(world) })
    expect(status, JSON.stringify(body)).toBe(200)
    expect(body).toMatchObject({ scope: 'mcp', expires_in: 3600 })
    expect(body).not.toHaveProperty('refresh_token')
    const { session } = await world.enter(body['access_token'])
    expect(session).toMatchObject({
      principal: { kind: 'user', issuer: world.idp.issuer, subject: 'alice' },
      client: 'robot',
      groups: ['crm-users'],
      subjectFrom: 'none',
    })
    expect(world.around.handed).toEqual([])
  })

  test('is good once, at every process', async () => {
    const world = await open()
    const other = await world.beside()
    const form = { grant_type: jwtGrant, assertion: await idJag(world) }
    const answers = await Promise.all(
      [world, other, world, other].map((it) => it.token(form, robotAuth('robot'))),
    )
    expect(answers.map(outcome).sort()).toEqual(['200', ...Array(3).fill('400 invalid_grant grant_replayed')])
  })

  test('gives no more scopes than it has', async () => {
    const world = await open()
    const scopeOf = async (scope: string | undefined, asked: string | undefined) =>
      (await redeem(world, { assertion: await idJag(world, { scope }), scope: asked })).body['scope']
    expect(await scopeOf('mcp orders.read', 'orders.read orders.write')).toBe('orders.read')
    expect(await scopeOf('mcp orders.read', undefined)).toBe('mcp orders.read')
    expect(await scopeOf(undefined, 'mcp')).toBe('')
  })

  test.each<[string, Record<string, unknown>, Record<string, unknown>?]>([
    ['for another audience', { aud: 'https://elsewhere.example' }],
    ['for several audiences', { aud: [url, 'https://elsewhere.example'] }],
    ['for our token endpoint', { aud: `${url}/oauth2/token` }],
    ['of another client', { client_id: 'other' }],
    ['of no client', { client_id: undefined }],
    ['of a client that others name', { client_id: undefined, azp: 'robot' }],
    ['of an unknown resource', { resource: 'https://elsewhere.example/mcp' }],
    ['of two resources', { resource: [crm.resource, erp.resource] }],
    ['of no resource', { resource: undefined }],
    ['without a name', { jti: undefined }],
    ['without a person', { sub: undefined }],
    ['that has ended', { iat: 1_799_990_000, exp: 1_799_990_300 }],
    ['that does not end', { exp: undefined }],
    ['bound to a key', { cnf: { jkt: 'x' } }],
    ['of another issuer', { iss: 'https://elsewhere.example' }],
    ['that is an access token', {}, { typ: 'at+jwt' }],
    ['that is any JWT', {}, { typ: 'JWT' }],
    ['without a type', {}, { typ: undefined }],
    ['whose client may not act', { may_act: { sub: 'other' } }],
  ])('is refused %s', async (_what, claims, header) => {
    const world = await open()
    const answer = await redeem(world, { assertion: await idJag(world, claims, header) })
    expect(answer.status).toBe(400)
    expect(answer.body['error']).toBe('invalid_grant')
    expect(world.around.events.at(-1)).toMatchObject({ kind: 'denial', decision: 'deny' })
  })

  test('is refused at another resource than its own', async () => {
    const world = await open()
    const answer = await redeem(world, { assertion: await idJag(world), resource: erp.resource })
    expect(outcome(answer)).toBe('400 invalid_grant grant_invalid')
  })

  test('needs a client that can be told from every other', async () => {
    const world = await open()
    const form = {
      grant_type: jwtGrant,
      client_id: 'public',
      assertion: await idJag(world, { client_id: 'public' }),
    }
    expect(outcome(await world.token(form))).toBe('401 invalid_client client_auth_failed')
  })

  test('of another tenant of the issuer is refused', async () => {
    const world = await openWorld({
      clients: [aRobot('robot')],
      login: { tenantClaim: { name: 'tid', value: 'ours' } },
    })
    const theirs = await redeem(world, { assertion: await idJag(world, { tid: 'theirs' }) })
    expect(outcome(theirs)).toBe('400 invalid_grant token_tenant_refused')
    expect((await redeem(world, { assertion: await idJag(world, { tid: 'ours' }) })).status).toBe(200)
  })

  test('of a person who was cut has to be newer', async () => {
    const world = await open()
    const assertion = await idJag(world)
    const principal = { kind: 'user', tenant: 'acme', issuer: world.idp.issuer, subject: 'alice' } as const
    await world.revoke({ kind: 'user', principal })
    expect(outcome(await redeem(world, { assertion }))).toBe('400 invalid_grant sign_in_too_old')
    world.around.clock.advance(10)
    expect((await redeem(world, { assertion: await idJag(world) })).status).toBe(200)
  })
})

describe('the token endpoint', () => {
  test('says what is wrong with a request, and is kept by nobody on the way', async () => {
    const world = await openWorld({ clients: [aRobot('robot')] })
    const nothing = await world.token({}, robotAuth('robot'))
    expect(outcome(nothing)).toBe('400 invalid_request request_malformed')
    const password = await world.token({ grant_type: 'password' }, robotAuth('robot'))
    expect(outcome(password)).toBe('400 unsupported_grant_type grant_type_unsupported')
    expect(password.headers.get('cache-control')).toBe('no-store')
    const inQuery = await fetch(`${world.origin}/oauth2/token?grant_type=x`, {
      method: 'POST',
      body: new URLSearchParams(),
    })
    expect(inQuery.status).toBe(400)
  })

  test('gives a token back for whom it is, and knows nothing of another’s', async () => {
    const world = await openWorld({ clients: [aRobot('robot'), aRobot('other')] })
    const { body } = await askWith('client_credentials')(world, { resource: crm.resource })
    const giveBack = (token: string, as: string) => world.post('/oauth2/revoke', { token }, robotAuth(as))
    for (const token of [body['access_token'], 'unknown', 'a.b.c'])
      expect((await giveBack(token, 'other')).status).toBe(200)
    await world.enter(body['access_token'])
    expect(outcome(await world.post('/oauth2/revoke', {}, robotAuth('robot')))).toBe(
      '400 invalid_request request_malformed',
    )
    expect(outcome(await world.post('/oauth2/revoke', { token: 'x', client_id: 'robot' }))).toBe(
      '401 invalid_client client_auth_failed',
    )
  })
})
