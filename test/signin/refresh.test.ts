import { Secret } from '../../src/model/index.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  aClient,
  claimsOf,
  codeForm,
  codeOf,
  crm,
  erp,
  openWorld,
  outcome,
  refreshForm,
  robotAuth,
  signedIn,
  visitor,
} from './token-world.ts'

const generation = (token: string): number => Number(/\.(\d+)\./.exec(token)?.[1])

describe('a refresh token', () => {
  test('rotates, and its access token is of the same session', async () => {
    const world = await openWorld()
    const first = await signedIn(world)
    world.around.clock.advance(600)
    const second = await world.token(refreshForm(first['refresh_token']))
    expect(second.status).toBe(200)
    expect(second.headers.get('cache-control')).toBe('no-store')
    expect(second.body['refresh_token']).not.toBe(first['refresh_token'])
    expect(claimsOf(second.body)).toMatchObject({
      sid: claimsOf(first)['sid'],
      aud: crm.resource,
      scope: 'mcp',
      sp: { family: claimsOf(first)['sp'].family },
    })
    expect(claimsOf(second.body)['jti']).not.toBe(claimsOf(first)['jti'])
    // The access token before it ends by itself.
    await world.enter(first['access_token'])
    await world.enter(second.body['access_token'])
  })

  test('gives the same successor within the leeway, and ends everything after it', async () => {
    const world = await openWorld()
    const first = await signedIn(world)
    const second = (await world.token(refreshForm(first['refresh_token']))).body
    world.around.clock.advance(30)
    const again = (await world.token(refreshForm(first['refresh_token']))).body
    expect(again['refresh_token']).toBe(second['refresh_token'])
    await world.enter(again['access_token'])
    world.around.clock.advance(1)
    expect(outcome(await world.token(refreshForm(first['refresh_token'])))).toBe(
      '400 invalid_grant grant_replayed',
    )
    expect(outcome(await world.token(refreshForm(second['refresh_token'])))).toBe(
      '400 invalid_grant grant_invalid',
    )
    for (const { access_token: token } of [first, second, again])
      expect(await codeOf(() => world.enter(token))).toBe('token_revoked')
    expect(world.around.ended).toHaveLength(1)
    expect(world.around.ended[0]?.cause).toBe('its refresh token was shown again')
    expect(world.around.events).toContainEqual(
      expect.objectContaining({
        kind: 'denial',
        reason: 'grant_replayed',
        who: expect.objectContaining({
          principal: expect.objectContaining({ subject: 'alice' }),
          client: 'chat',
        }),
      }),
    )
  })

  test('of two generations ago is a replay within the leeway too', async () => {
    const world = await openWorld()
    const first = await signedIn(world)
    const second = (await world.token(refreshForm(first['refresh_token']))).body
    await world.token(refreshForm(second['refresh_token']))
    expect(outcome(await world.token(refreshForm(first['refresh_token'])))).toBe(
      '400 invalid_grant grant_replayed',
    )
  })

  test('is its client’s alone, and another client that shows it ends nothing', async () => {
    const world = await openWorld({ clients: [aClient('chat'), aClient('other')] })
    const first = await signedIn(world)
    const stolen = await world.token(refreshForm(first['refresh_token'], { client_id: 'other' }))
    expect(outcome(stolen)).toBe('400 invalid_grant grant_invalid')
    expect((await world.token(refreshForm(first['refresh_token']))).status).toBe(200)
  })

  test('is for one resource, and never for more scopes', async () => {
    const world = await openWorld()
    const { body } = await world.token(codeForm(await world.code({ scopes: ['mcp', 'offline_access'] })))
    const ask = (over: object) => world.token(refreshForm(body['refresh_token'], over as never))
    expect(outcome(await ask({ resource: erp.resource }))).toBe('400 invalid_target resource_refused')
    expect(outcome(await ask({ scope: 'mcp admin' }))).toBe('400 invalid_scope scope_refused')
    const narrow = await ask({ resource: crm.resource, scope: 'mcp' })
    expect(narrow.body['scope']).toBe('mcp')
    // The next one may have all again (RFC 6749 §6).
    expect((await world.token(refreshForm(narrow.body['refresh_token']))).body['scope']).toBe(
      'mcp offline_access',
    )
  })

  test('ends unused after twelve hours, and after seven days however much it is used', async () => {
    const world = await openWorld()
    const { clock } = world.around
    const idle = await signedIn(world)
    clock.advance(43_200)
    expect(outcome(await world.token(refreshForm(idle['refresh_token'])))).toBe(
      '400 invalid_grant token_expired',
    )
    let current = await signedIn(world)
    const begun = clock.now()
    while (clock.now() - begun < 604_800 - 40_000) {
      clock.advance(40_000)
      current = (await world.token(refreshForm(current['refresh_token']))).body
    }
    clock.advance(604_800 - (clock.now() - begun) - 600)
    const last = (await world.token(refreshForm(current['refresh_token']))).body
    expect(last['expires_in']).toBe(600)
    clock.advance(600)
    expect(outcome(await world.token(refreshForm(last['refresh_token'])))).toBe(
      '400 invalid_grant token_expired',
    )
  })

  test('asks the login issuer, and ends the session of whom it does not know any more', async () => {
    const world = await openWorld()
    const first = await signedIn(world)
    const later = (await world.token(refreshForm(first['refresh_token']))).body
    expect(world.around.checked).toEqual(['alice'])
    world.around.login = { state: 'ended' }
    expect(outcome(await world.token(refreshForm(later['refresh_token'])))).toBe(
      '400 invalid_grant subject_expired',
    )
    expect(await codeOf(() => world.enter(later['access_token']))).toBe('token_revoked')
    expect(world.around.ended[0]?.cause).toBe('its sign-in at the login issuer has ended')
  })

  test('trusts the login issuer’s last word for an hour while it does not answer', async () => {
    const world = await openWorld()
    const first = await signedIn(world)
    world.around.login = { state: 'unknown' }
    world.around.clock.advance(3_600)
    const second = (await world.token(refreshForm(first['refresh_token']))).body
    world.around.clock.advance(61)
    const refused = await world.token(refreshForm(second['refresh_token']))
    expect(outcome(refused)).toBe('503 temporarily_unavailable idp_unavailable')
    expect(refused.headers.get('retry-after')).not.toBeNull()
    // Nothing was used up: it goes on when the issuer is back.
    world.around.login = { state: 'alive' }
    world.around.clock.advance(3_600)
    expect((await world.token(refreshForm(second['refresh_token']))).status).toBe(200)
  })

  test('finds the groups of a person as the login issuer says them now, for older tokens too', async () => {
    const world = await openWorld()
    const first = await signedIn(world)
    await world.enter(first['access_token'])
    world.around.clock.advance(61)
    world.around.login = { state: 'alive', claims: { sub: 'alice', groups: ['leavers'] } }
    const second = (await world.token(refreshForm(first['refresh_token']))).body
    for (const { access_token: token } of [first, second])
      expect((await world.enter(token)).session.groups).toEqual(['leavers'])
    // An ID token that names no groups says nothing of them.
    world.around.clock.advance(61)
    world.around.login = { state: 'alive', claims: { sub: 'alice' } }
    const third = (await world.token(refreshForm(second['refresh_token']))).body
    expect((await world.enter(third['access_token'])).session.groups).toEqual(['leavers'])
  })

  test('is asked of the policy and the log each time', async () => {
    const world = await openWorld()
    const first = await signedIn(world)
    const { admit } = world.around
    world.around.admit = () => ({ effect: 'deny', reason: 'denied_by_rule', rule: 'servers.crm.deny' })
    expect(outcome(await world.token(refreshForm(first['refresh_token'])))).toBe(
      '400 access_denied denied_by_rule',
    )
    world.around.admit = admit
    const second = (await world.token(refreshForm(first['refresh_token']))).body
    expect(generation(second['refresh_token'])).toBe(2)
    await world.revoke({ kind: 'client', tenant: 'acme', client: 'chat' }, true)
    expect(outcome(await world.token(refreshForm(second['refresh_token'])))).toBe(
      '400 invalid_grant grant_invalid',
    )
  })

  test.each(['user', 'session', 'server', 'client', 'tenant'] as const)(
    'of a sign-in before a cut of its %s is refused though the row were still there',
    async (kind) => {
      const world = await openWorld()
      const first = await signedIn(world)
      const { principal } = visitor(world.around, world.idp)
      const [row] = await world.state.signIns.list('acme', undefined, world.around.clock.now())
      world.around.clock.advance(60)
      const scope = {
        user: { kind: 'user', principal },
        session: { kind: 'session', tenant: 'acme', sid: claimsOf(first)['sid'] },
        server: { kind: 'server', tenant: 'acme', server: 'crm' },
        client: { kind: 'client', tenant: 'acme', client: 'chat' },
        tenant: { kind: 'tenant', tenant: 'acme' },
      } as const
      expect((await world.revoke(scope[kind])).sessions).toBe(1)
      expect(await codeOf(() => world.enter(first['access_token']))).toBe('token_revoked')
      await world.state.signIns.put(row!)
      expect(await codeOf(() => world.enter(first['access_token']))).toBe('cut')
      const refused = await world.token(refreshForm(first['refresh_token']))
      expect(outcome(refused)).toMatch(/^400 invalid_grant (cut|sign_in_too_old)$/)
    },
  )

  test('goes by the name that its client has now, where that client shows who it is', async () => {
    const authentication = {
      method: 'client_secret_basic',
      secret: new Secret('chat secret', 'secret'),
    } as const
    const world = await openWorld({ clients: [aClient('chat', { authentication, name: 'old name' })] })
    const headers = robotAuth('chat')
    const first = (await world.token(codeForm(await world.code()), headers)).body
    world.around.clients = [aClient('chat', { authentication, name: 'new name' })]
    const second = (await world.token(refreshForm(first['refresh_token']), headers)).body
    const { session } = await world.enter(second['access_token'])
    expect(session.client).toBe('new name')
    expect(session.sid).toBe(claimsOf(first)['sid'])
  })

  test('made up, altered or of the future is refused', async () => {
    const world = await openWorld()
    const token = String((await signedIn(world))['refresh_token'])
    const altered = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
    for (const wrong of [altered, token.replace('.1.', '.2.'), 'sp_rt_a.1.b', 'x', ''])
      expect(outcome(await world.token(refreshForm(wrong)))).toBe('400 invalid_grant grant_invalid')
    expect(world.around.ended).toEqual([])
  })
})

describe('refresh tokens under any interleaving', () => {
  test('many presentations at once, at two processes, make one successor', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 12 }), fc.array(fc.boolean()), async (count, where) => {
        const world = await openWorld()
        const other = await world.beside()
        const first = await signedIn(world)
        const answers = await Promise.all(
          Array.from({ length: count }, (_, at) =>
            (where[at] === true ? other : world).token(refreshForm(first['refresh_token'])),
          ),
        )
        expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
        expect(new Set(answers.map(({ body }) => body['refresh_token'])).size).toBe(1)
        const [row] = await world.state.signIns.list('acme', undefined, world.around.clock.now())
        expect(row?.gen).toBe(2)
        expect(world.around.ended).toEqual([])
      }),
      { numRuns: 8 },
    )
  })

  test('whatever is shown when: generations go up by one, and an old one ends all', async () => {
    const step = fc.record({ at: fc.nat({ max: 6 }), wait: fc.constantFrom(0, 5, 29, 31, 400) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const world = await openWorld()
        const { clock } = world.around
        const held: string[] = [(await signedIn(world))['refresh_token']]
        let rotatedAt = clock.now()
        let isDead = false
        for (const { at, wait } of steps) {
          clock.advance(wait)
          const shown = held[at % held.length]!
          const newest = Math.max(...held.map(generation))
          const gen = generation(shown)
          const { status, body } = await world.token(refreshForm(shown))
          const isGood = gen === newest || (gen === newest - 1 && clock.now() <= rotatedAt + 30)
          if (isDead || !isGood) {
            expect([status, body['error']]).toEqual([400, 'invalid_grant'])
            isDead = true
            continue
          }
          expect(status).toBe(200)
          expect(generation(body['refresh_token'])).toBe(gen === newest ? newest + 1 : newest)
          if (gen === newest) {
            rotatedAt = clock.now()
            held.push(body['refresh_token'])
          } else expect(held).toContain(body['refresh_token'])
        }
        const rows = await world.state.signIns.list('acme', undefined, clock.now())
        expect(rows).toHaveLength(isDead ? 0 : 1)
      }),
      { numRuns: 25 },
    )
  }, 60_000)
})
