import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { decodeJwt } from 'jose'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, codeOf, exchange, type Opened, opened } from '../identity/opened.ts'

const clock = steppedClock()
let idp: Idp
let at: Opened

beforeAll(async () => {
  idp = await startIdp({ clock })
})
afterAll(() => idp.close())
beforeEach(() => {
  at = opened({ logins: [aLogin(idp)], clock, servers: [aServer({ acceptSubjectToken: true })] })
})

const bothDoors = async (claims: Record<string, unknown>): Promise<readonly string[]> => [
  (await exchange(await at.app(), await idp.token(claims))).body['code'] ?? 'no error',
  await codeOf(async () => at.identity.identify(await idp.token(claims))),
]
const refused = ['token_delegation_refused', 'token_delegation_refused']
const url = 'https://crm.example'

describe('A10 act stripping: may_act for somebody else (RFC 8693 §4.4)', () => {
  it.each([
    ['another actor', { sub: 'server:billing' }],
    ['another actor of the same issuer', { sub: 'server:billing', iss: url }],
    ['our name at another issuer', { sub: 'server:crm', iss: 'https://evil.example' }],
    ['our client id under an issuer', { sub: 'crm-client', iss: url }],
    ['another client', { client_id: 'other' }],
    ['our name and another client', { sub: 'server:crm', client_id: 'other' }],
    ['our name and a member that we have no value for', { sub: 'server:crm', email: 'a@b' }],
    ['a name that differs in case', { sub: 'Server:crm' }],
    ['no member', {}],
    ['a list', ['server:crm']],
    ['a text', 'server:crm'],
    ['null', null],
    ['a member that is no text', { sub: ['server:crm'] }],
  ])('is refused at both doors: %s', async (_what, mayAct) => {
    expect(await bothDoors({ may_act: mayAct })).toEqual(refused)
  })

  it('does not lose a member to its odd name', async () => {
    const mayAct = JSON.parse('{"sub":"server:crm","__proto__":"x"}') as object
    expect(await bothDoors({ may_act: mayAct })).toEqual(refused)
  })

  it.each([
    ['the server', { sub: 'server:crm' }],
    ['the server with its issuer', { sub: 'server:crm', iss: url }],
    ['the client id of the server', { client_id: 'crm-client' }],
    ['the client id of the server as sub', { sub: 'crm-client' }],
  ])('for the caller lets it act: %s', async (_what, mayAct) => {
    expect(await bothDoors({ may_act: mayAct })).toEqual(['no error', 'no error'])
  })
})

describe('A10 act stripping: a chain of actors (RFC 8693 §4.1)', () => {
  const chain = (depth: number): object => ({
    sub: `agent-${depth}`,
    iss: 'https://agents.example',
    ...(depth > 1 ? { act: chain(depth - 1) } : {}),
  })

  it('is lengthened, never dropped, and never looks direct', async () => {
    const token = await idp.token({ act: chain(2) })
    const { body } = await exchange(await at.app(), token)
    const act = { sub: 'server:crm', iss: url, act: chain(2) }
    expect(decodeJwt(body['access_token'])['act']).toEqual(act)
    const actor = {
      subject: 'server:crm',
      issuer: url,
      actingFor: {
        subject: 'agent-2',
        issuer: 'https://agents.example',
        actingFor: { subject: 'agent-1', issuer: 'https://agents.example' },
      },
    }
    expect((await at.identity.identify(body['access_token'])).actor).toEqual(actor)
    expect((await at.identity.identify(token)).actor).toEqual(actor)
    expect(at.around.events[0]?.who.actor).toEqual(actor)
  })

  it('of five with the server is the deepest', async () => {
    expect(await bothDoors({ act: chain(4) })).toEqual(['no error', 'no error'])
    expect(await bothDoors({ act: chain(5) })).toEqual(refused)
    expect(await bothDoors({ act: chain(6) })).toEqual(refused)
    expect(await bothDoors({ act: chain(100) })).toEqual(refused)
    const six = await idp.token({ act: chain(6) })
    expect(await codeOf(() => at.identity.verifySubject(six, aServer()))).toBe('token_delegation_refused')
  })

  it.each([
    ['a text', 'agent'],
    ['null', null],
    ['a list', [chain(1)]],
    ['an actor without sub', { client_id: 'agent' }],
    ['an actor with an odd sub', { sub: 'a\nb' }],
    ['an actor with an odd issuer', { sub: 'a', iss: 5 }],
    ['a chain that breaks off inside', { sub: 'a', act: { iss: 'https://b' } }],
  ])('that cannot be read is refused, not skipped: %s', async (_what, act) => {
    expect(await bothDoors({ act })).toEqual(refused)
  })

  it('cannot be begun anew with our own token, or with an actor token', async () => {
    const face = await at.app()
    const { body } = await exchange(face, await idp.token({ act: chain(1) }))
    expect((await exchange(face, body['access_token'])).body['code']).toBe('token_is_session')
    const actor = {
      actor_token: await idp.token({ sub: 'agent' }),
      actor_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }
    expect((await exchange(face, await idp.token(), actor)).body['error']).toBe('invalid_request')
  })
})
