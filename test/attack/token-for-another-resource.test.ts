import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, codeOf, exchange, opened } from '../identity/opened.ts'

const clock = steppedClock()
let idp: Idp

beforeAll(async () => {
  idp = await startIdp({ clock })
})
afterAll(() => idp.close())

describe('A01 a valid token of the provider, made for another API', () => {
  const audiences: readonly [string, unknown][] = [
    ['another resource', 'https://billing.example'],
    ['the bare client id of another client', 'billing'],
    ['none', undefined],
    ['a resource that ours is a prefix of', 'https://crm.example.evil'],
    ['a path below ours', 'https://crm.example/admin'],
    ['ours with userinfo', 'https://crm.example@evil.example'],
    ['ours with the default port', 'https://crm.example:443'],
    ['ours with a trailing dot', 'https://crm.example.'],
    ['ours in upper case', 'HTTPS://CRM.EXAMPLE'],
    ['ours encoded', 'https:%2F%2Fcrm.example'],
    ['a wildcard', '*'],
    ['ours and another', ['https://crm.example', 'https://billing.example']],
    ['our egress', 'https://crm.example/egress'],
  ]

  it.each(audiences)('gets no session at the token endpoint: %s', async (_what, aud) => {
    const { app, around } = opened({ logins: [aLogin(idp)], clock })
    const answer = await exchange(await app(), await idp.token({ aud }))
    expect(answer.status).toBe(400)
    expect(answer.body['code']).toMatch(/^token_audience_(refused|extra)$/)
    expect(answer.body['access_token']).toBeUndefined()
    expect([around.handed, around.put]).toEqual([[], []])
  })

  it.each(audiences)('is not taken as a bearer by the egress: %s', async (_what, aud) => {
    const servers = [aServer({ acceptSubjectToken: true })]
    const { identity, around } = opened({ logins: [aLogin(idp)], clock, servers })
    const code = await codeOf(async () => identity.identify(await idp.token({ aud })))
    expect(code).toMatch(/^token_audience_(refused|extra)$/)
    expect([around.handed, around.put]).toEqual([[], []])
  })

  it('for another server behind the same sallyport is not taken for this one', async () => {
    const { client: _none, ...billing } = aServer({ name: 'billing', audiences: ['https://billing.example'] })
    const { app } = opened({ logins: [aLogin(idp)], clock, servers: [aServer(), billing] })
    const answer = await exchange(await app(), await idp.token({ aud: 'https://billing.example' }))
    expect(answer.body['code']).toBe('token_audience_refused')
  })
})
