import { describe, expect, test } from 'vitest'
import { claimsOf, codeOf, openWorld, refreshForm, signedIn } from './token-world.ts'

describe('sign-ins that nobody asks for', () => {
  test('end when the login issuer does not know their person any more', async () => {
    const world = await openWorld()
    const answer = await signedIn(world)
    await world.enter(answer['access_token'])
    world.around.login = { state: 'ended' }
    world.around.clock.advance(899)
    await world.upkeep()
    expect(world.around.checked).toEqual([])
    world.around.clock.advance(1)
    await world.upkeep()
    expect(world.around.checked).toEqual(['alice'])
    expect(world.around.ended).toEqual([
      { sid: claimsOf(answer)['sid'], cause: 'its sign-in at the login issuer has ended' },
    ])
    expect(await codeOf(() => world.enter(answer['access_token']))).toBe('token_revoked')
  })

  test('go on while it does, or does not answer, and are asked after every quarter of an hour', async () => {
    const world = await openWorld()
    const answer = await signedIn(world)
    world.around.clock.advance(900)
    await world.upkeep()
    await world.upkeep()
    expect(world.around.checked).toEqual(['alice'])
    world.around.login = { state: 'unknown' }
    world.around.clock.advance(900)
    await world.upkeep()
    await world.upkeep()
    // Nothing was learnt, so it is asked again.
    expect(world.around.checked).toHaveLength(3)
    await world.enter(answer['access_token'])
  })

  test('are those of the person as the issuer says now', async () => {
    const world = await openWorld()
    const answer = await signedIn(world)
    expect((await world.enter(answer['access_token'])).session.groups).toEqual(['crm-users'])
    world.around.login = { state: 'alive', claims: { sub: 'alice', groups: [] } }
    world.around.clock.advance(900)
    await world.upkeep()
    expect((await world.enter(answer['access_token'])).session.groups).toEqual([])
    // The refresh token is the one that the client has.
    expect((await world.token(refreshForm(answer['refresh_token']))).status).toBe(200)
  })

  test('of somebody who belongs to another tenant now end', async () => {
    const world = await openWorld({ login: { tenantClaim: { name: 'tid', value: 'ours' } } })
    const answer = await signedIn(world)
    world.around.login = { state: 'alive', claims: { sub: 'alice', tid: 'theirs', groups: [] } }
    world.around.clock.advance(900)
    await world.upkeep()
    expect(await codeOf(() => world.enter(answer['access_token']))).toBe('token_revoked')
  })

  test('tell which login connections are needed', async () => {
    const world = await openWorld()
    await world.upkeep()
    expect(world.around.inUse).toEqual([])
    const answer = await signedIn(world)
    await world.upkeep()
    expect(world.around.inUse?.map(({ sid }) => sid)).toEqual([claimsOf(answer)['sid']])
  })
})
