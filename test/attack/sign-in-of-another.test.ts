import { describe, expect, it } from 'vitest'
import { type SignIn } from '../../src/model/index.ts'
import {
  aClient,
  claimsOf,
  codeForm,
  codeOf,
  crm,
  openWorld,
  outcome,
  refreshForm,
  signedIn,
  visitor,
  type World,
} from '../signin/token-world.ts'

const bobs = async (world: World) => {
  const bob = visitor(world.around, world.idp, {
    principal: { kind: 'user', tenant: 'acme', issuer: world.idp.issuer, subject: 'bob' },
    idpSid: 'idp-session-2',
  })
  return (await world.token(codeForm(await world.code({ visitor: bob })))).body
}

describe('A50 the sign-in of another', () => {
  it('of another company is nothing here, though it has the same address, names and people', async () => {
    const [ours, theirs] = [
      await openWorld(),
      await openWorld({ key: 'another company’s keyring, 32 bytes' }),
    ]
    const answer = await signedIn(theirs)
    expect(await codeOf(() => ours.enter(answer['access_token']))).toBe('token_signature_invalid')
    expect(outcome(await ours.token(refreshForm(answer['refresh_token'])))).toBe(
      '400 invalid_grant grant_invalid',
    )
    expect(outcome(await ours.token(codeForm(await theirs.code())))).toBe('400 invalid_grant grant_invalid')
  })

  it('is not reached from one’s own: tokens name the row that they stand on, and the row names them', async () => {
    const world = await openWorld()
    const [alice, bob] = [await signedIn(world), await bobs(world)]
    expect(claimsOf(alice)['sid']).not.toBe(claimsOf(bob)['sid'])
    const rows = await world.state.signIns.list('acme', undefined, world.around.clock.now())
    const rowOf = (it: Record<string, any>) => rows.find(({ id }) => id === claimsOf(it)['sp'].family)!
    // As if a row had been put in another's place.
    const swapped: SignIn = { ...rowOf(bob), id: rowOf(alice).id }
    await world.state.signIns.replace(1, swapped)
    expect(await codeOf(() => world.enter(alice['access_token']))).toBe('token_revoked')
    expect((await world.enter(bob['access_token'])).session.principal.subject).toBe('bob')
  })

  it('is not ended by one’s own, nor with it', async () => {
    const world = await openWorld({ clients: [aClient('chat'), aClient('other')] })
    const [alice, bob] = [await signedIn(world), await bobs(world)]
    const elsewhere = await world.token(
      codeForm(await world.code({ client: aClient('other') }), { client_id: 'other' }),
    )
    await world.post('/oauth2/revoke', { client_id: 'chat', token: bob['refresh_token'] })
    expect(await codeOf(() => world.enter(bob['access_token']))).toBe('token_revoked')
    for (const it of [alice, elsewhere.body])
      expect((await world.enter(it['access_token'], crm)).session.principal.subject).toBe('alice')
  })
})
