import { describe, expect, it } from 'vitest'
import { letIn, type SignedIn, startSignedIn } from './signed-in.ts'

async function refresh({ post, client }: SignedIn, token: string, as = client) {
  const form = { grant_type: 'refresh_token', client_id: as, refresh_token: token }
  const { status, body } = await post('/oauth2/token', form)
  return { outcome: `${status} ${body['error'] ?? ''} ${body['code'] ?? ''}`.trim(), body }
}

describe('A stolen refresh token', () => {
  it('used after its owner: both lose everything, and it is in the record', async () => {
    const scene = await startSignedIn()
    const stolen = scene.tokens['refresh_token']!
    const second = await refresh(scene, stolen)
    const third = await refresh(scene, second.body['refresh_token'])
    expect(third.outcome).toBe('200')
    // Two generations ago: no client retries that.
    expect((await refresh(scene, stolen)).outcome).toBe('400 invalid_grant grant_replayed')
    for (const it of [scene.tokens, second.body, third.body])
      expect(await scene.atGateway(it['access_token'])).toMatch(/^401 /)
    expect((await refresh(scene, third.body['refresh_token'])).outcome).toBe(
      '400 invalid_grant grant_invalid',
    )
    const kinds = scene.record().map(({ kind, reason, details }) => [kind, reason ?? details?.cause])
    expect(kinds).toContainEqual(['revoke', 'its refresh token was shown again'])
    expect(kinds).toContainEqual(['denial', 'grant_replayed'])
  })

  it('used before its owner: the owner’s next refresh ends what the thief has', async () => {
    const scene = await startSignedIn()
    const owners = scene.tokens['refresh_token']!
    const first = await refresh(scene, owners)
    const thief = await refresh(scene, first.body['refresh_token'])
    expect(await scene.atGateway(thief.body['access_token'])).toBe(letIn)
    expect((await refresh(scene, owners)).outcome).toBe('400 invalid_grant grant_replayed')
    expect(await scene.atGateway(thief.body['access_token'])).toMatch(/^401 /)
    expect((await refresh(scene, thief.body['refresh_token'])).outcome).toBe(
      '400 invalid_grant grant_invalid',
    )
  })

  it('is worth nothing to another client, and of no use to end what its owner has', async () => {
    const scene = await startSignedIn()
    const stolen = scene.tokens['refresh_token']!
    const other = await scene.register()
    for (let time = 0; time < 3; time += 1)
      expect((await refresh(scene, stolen, other)).outcome).toBe('400 invalid_grant grant_invalid')
    expect((await scene.post('/oauth2/revoke', { client_id: other, token: stolen })).status).toBe(200)
    expect((await refresh(scene, stolen)).outcome).toBe('200')
  })

  it('is not to be guessed from another', async () => {
    const scene = await startSignedIn()
    const token = scene.tokens['refresh_token']!
    const last = token.at(-1) === 'A' ? 'B' : 'A'
    for (const guess of [token.replace('.1.', '.2.'), token.replace('.1.', '.0.'), token.slice(0, -1) + last])
      expect((await refresh(scene, guess)).outcome).toBe('400 invalid_grant grant_invalid')
    expect(await scene.atGateway(scene.tokens['access_token']!)).toBe(letIn)
  })
})
