import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  aRobot,
  crm,
  erp,
  jwtGrant,
  openWorld,
  outcome,
  robotAuth,
  url,
  type World,
} from '../signin/token-world.ts'

const idJag = ({ idp }: World, claims: Record<string, unknown> = {}) =>
  idp.token(
    { aud: url, client_id: 'robot', resource: crm.resource, scope: 'mcp', ...claims },
    { typ: 'oauth-id-jag+jwt' },
  )

describe('A11 replay of assertions', () => {
  it('refuses an ID-JAG the second time, at every process on the state, until it has ended', async () => {
    const world = await openWorld({ clients: [aRobot('robot')] })
    const form = { grant_type: jwtGrant, assertion: await idJag(world) }
    const other = await world.beside()
    expect(outcome(await world.token(form, robotAuth('robot')))).toBe('200')
    world.around.clock.advance(299)
    expect(outcome(await other.token(form, robotAuth('robot')))).toBe('400 invalid_grant grant_replayed')
    // As after a restart.
    const again = await world.beside()
    expect(outcome(await again.token(form, robotAuth('robot')))).toBe('400 invalid_grant grant_replayed')
    world.around.clock.advance(60)
    expect(outcome(await world.token(form, robotAuth('robot')))).toBe('400 invalid_grant token_expired')
  })

  it('gives one of many who show it at once, at two processes, what it is for', async () => {
    const world = await openWorld({ clients: [aRobot('robot')] })
    const other = await world.beside()
    const form = { grant_type: jwtGrant, assertion: await idJag(world) }
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? world : other).token(form, robotAuth('robot'))),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('takes an ID-JAG for another server, client or authorization server from nobody', async () => {
    const world = await openWorld({ clients: [aRobot('robot'), aRobot('thief')] })
    const assertion = await idJag(world)
    const form = { grant_type: jwtGrant, assertion }
    const tries = {
      'by another client': await world.token(form, robotAuth('thief')),
      'for another resource': await world.token({ ...form, resource: erp.resource }, robotAuth('robot')),
      'made for another server': await world.token(
        { ...form, assertion: await idJag(world, { aud: 'https://other.example' }) },
        robotAuth('robot'),
      ),
    }
    for (const [what, answer] of Object.entries(tries))
      expect(outcome(answer), what).toMatch(/^400 invalid_grant /)
  })

  it('refuses a client’s assertion the second time, at every process on the state', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }]
    const authentication = { method: 'private_key_jwt', jwks: { keys } } as const
    const world = await openWorld({ clients: [aRobot('robot', { authentication })] })
    const other = await world.beside()
    const now = world.around.clock.now()
    const claims = { iss: 'robot', sub: 'robot', aud: url, jti: 'once', iat: now, exp: now + 60 }
    const form = {
      grant_type: 'client_credentials',
      resource: crm.resource,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .sign(privateKey),
    }
    const answers = await Promise.all([world, other, world, other].map((it) => it.token(form)))
    expect(answers.map(outcome).sort()).toEqual([
      '200',
      ...Array(3).fill('401 invalid_client client_auth_failed'),
    ])
  })
})
