import { describe, expect, it } from 'vitest'
import { walk } from '../kit/walk.ts'
import { alice, callback, verifier } from '../signin/world.ts'
import { letIn, type SignedIn, startSignedIn } from './signed-in.ts'

async function redeem({ post, client }: SignedIn, code: string, more: Record<string, string> = {}) {
  const { status, body } = await post('/oauth2/token', {
    ...{ grant_type: 'authorization_code', client_id: client, code },
    ...{ redirect_uri: callback, code_verifier: verifier, ...more },
  })
  return { outcome: `${status} ${body['error'] ?? ''} ${body['code'] ?? ''}`.trim(), body }
}

/** A fresh code of alice's, as it stands in the address that her browser is sent to. */
async function freshCode(scene: SignedIn): Promise<string> {
  const asked = scene.request(scene.client, { resource: `${scene.url}/crm/mcp` })
  return (await walk(scene.browser(), asked, { as: alice })).searchParams.get('code')!
}

describe('A27 a stolen authorization code', () => {
  it('used after its owner: what the owner got ends', async () => {
    const scene = await startSignedIn()
    expect(await scene.atGateway(scene.tokens['access_token']!)).toBe(letIn)
    expect((await redeem(scene, scene.code, { code_verifier: 'w'.repeat(43) })).outcome).toBe(
      '400 invalid_grant grant_replayed',
    )
    expect(await scene.atGateway(scene.tokens['access_token']!)).toMatch(/^401 /)
    const { body } = await scene.running.admin('GET', '/v1/sessions')
    expect(body).toEqual({ sessions: [] })
  })

  it('used before its owner is of no use without the verifier, and is gone', async () => {
    const scene = await startSignedIn()
    const stolen = await freshCode(scene)
    expect((await redeem(scene, stolen, { code_verifier: 'w'.repeat(43) })).outcome).toBe(
      '400 invalid_grant grant_invalid',
    )
    expect((await redeem(scene, stolen)).outcome).toBe('400 invalid_grant grant_invalid')
  })

  it.each([
    ['injected into another client', async (scene: SignedIn) => ({ client_id: await scene.register() })],
    ['with another redirect URI', async () => ({ redirect_uri: `${callback}/` })],
    ['with another resource', async (scene: SignedIn) => ({ resource: `${scene.url}/erp/mcp` })],
  ])('%s is refused, and gone', async (_what, more) => {
    const scene = await startSignedIn()
    const stolen = await freshCode(scene)
    expect((await redeem(scene, stolen, await more(scene))).outcome).toMatch(/^400 invalid_(grant|target) /)
    expect((await redeem(scene, stolen)).outcome).toBe('400 invalid_grant grant_invalid')
  })

  it('that somebody made up ends nothing', async () => {
    const scene = await startSignedIn()
    const last = scene.code.at(-1) === 'A' ? 'B' : 'A'
    expect((await redeem(scene, scene.code.slice(0, -1) + last)).outcome).toBe(
      '400 invalid_grant grant_invalid',
    )
    expect(await scene.atGateway(scene.tokens['access_token']!)).toBe(letIn)
  })
})
