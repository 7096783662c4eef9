import { describe, expect, it } from 'vitest'
import {
  aRobot,
  claimsOf,
  crm,
  exchangeGrant,
  jwtGrant,
  openWorld,
  outcome,
  robotAuth,
  url,
  type World,
} from '../signin/token-world.ts'

const exchange = async (world: World, claims: Record<string, unknown>, client = 'robot') =>
  world.token(
    {
      grant_type: exchangeGrant,
      subject_token: await world.idp.token({ aud: crm.resource, ...claims }),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      resource: crm.resource,
    },
    robotAuth(client),
  )

const redeem = async (world: World, claims: Record<string, unknown>, client = 'robot') =>
  world.token(
    {
      grant_type: jwtGrant,
      assertion: await world.idp.token(
        { aud: url, client_id: client, resource: crm.resource, ...claims },
        { typ: 'oauth-id-jag+jwt' },
      ),
    },
    robotAuth(client),
  )

const open = () => openWorld({ clients: [aRobot('robot'), aRobot('other')] })
const chain = (depth: number): object =>
  depth === 1 ? { sub: 'agent-1' } : { sub: `agent-${depth}`, act: chain(depth - 1) }

describe('A10 delegation at the token endpoint of clients', () => {
  it('keeps who acted, behind the client that asks and the server that is asked', async () => {
    const world = await open()
    const act = { sub: 'agent-1', iss: 'https://agents.example', act: { sub: 'agent-2' } }
    const { body } = await exchange(world, { act })
    expect(claimsOf(body)['act']).toEqual({ sub: 'robot', iss: url, act })
    expect((await world.enter(body['access_token'])).actor).toEqual({
      subject: 'server:crm',
      issuer: crm.audiences[0]!.replace('/crm/mcp', ''),
      actingFor: {
        subject: 'robot',
        issuer: url,
        actingFor: {
          subject: 'agent-1',
          issuer: 'https://agents.example',
          actingFor: { subject: 'agent-2' },
        },
      },
    })
    const jag = await redeem(world, { act })
    expect(claimsOf(jag.body)['act']).toEqual(act)
  })

  it('serves nobody whom may_act does not name', async () => {
    const world = await open()
    for (const ask of [exchange, redeem]) {
      expect((await ask(world, { may_act: { sub: 'robot' } })).status).toBe(200)
      for (const may_act of [
        { sub: 'robot' },
        { client_id: 'robot' },
        { sub: 'other', iss: 'https://elsewhere.example' },
      ])
        expect((await ask(world, { may_act }, 'other')).status, JSON.stringify(may_act)).toBe(400)
      for (const may_act of [{}, { sub: 'robot', department: 'x' }, { sub: ['robot'] }, 'robot'])
        expect((await ask(world, { may_act })).status, JSON.stringify(may_act)).toBe(400)
    }
  })

  it('cuts no chain short', async () => {
    const world = await open()
    expect((await exchange(world, { act: chain(3) })).status).toBe(200)
    expect(outcome(await exchange(world, { act: chain(4) }))).toBe(
      '400 invalid_request token_delegation_refused',
    )
    expect(outcome(await exchange(world, { act: { act: { sub: 'x' } } }))).toBe(
      '400 invalid_request token_delegation_refused',
    )
    expect(outcome(await redeem(world, { act: chain(5) }))).toBe('400 invalid_grant token_delegation_refused')
  })

  it('takes no actor that the caller brings', async () => {
    const world = await open()
    const token = await world.idp.token({ aud: crm.resource })
    const type = 'urn:ietf:params:oauth:token-type:access_token'
    const form = {
      grant_type: exchangeGrant,
      subject_token: token,
      subject_token_type: type,
      resource: crm.resource,
    }
    const answer = await world.token(
      { ...form, actor_token: token, actor_token_type: type },
      robotAuth('robot'),
    )
    expect(outcome(answer)).toBe('400 invalid_request request_malformed')
  })
})
