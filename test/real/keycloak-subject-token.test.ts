import { describe, expect, it } from 'vitest'
import { decodeJwt } from 'jose'
import type { Server } from '../../src/model/index.ts'
import { aLogin, aServer, codeOf, exchange, opened } from '../identity/opened.ts'
import { claimsOf, keycloakToken, parts, passwordToken } from '../kit/parts.ts'
import { steppedClock } from '../kit/stepped-clock.ts'

const server = (over: Partial<Server> = {}) =>
  aServer({ audiences: ['sallyport'], extraAudiences: ['account'], acceptSubjectToken: true, ...over })

/** With the clock at this moment, and Keycloak as the login issuer. */
const open = (over: Partial<Server> = {}, types: readonly string[] = ['JWT']) => {
  const issuer = parts().keycloak?.issuer ?? ''
  const clock = steppedClock(Math.floor(Date.now() / 1000))
  return opened({ logins: [aLogin({ issuer }, { types })], servers: [server(over)], clock })
}
const verify = (token: string, over: Partial<Server> = {}) =>
  codeOf(() => open(over).identity.verifySubject(token, server(over)))

describe.skipIf(parts().keycloak === undefined)('subject tokens of a real Keycloak', () => {
  it('are refused without the Audience mapper, and the error names it', async () => {
    const { access_token } = await passwordToken({ client: 'chat-unmapped' })
    const answer = await exchange(await open().app(), access_token)
    expect(answer.body['code']).toBe('token_audience_refused')
    expect(answer.body['error_description']).toContain('Audience mapper')
    expect(answer.body['error_description']).toContain('sallyport')
  })

  it('are refused with account in aud, unless the server lists it', async () => {
    const { access_token } = await passwordToken()
    expect(claimsOf(access_token).aud).toEqual(expect.arrayContaining(['sallyport', 'account']))
    expect(await verify(access_token, { extraAudiences: [] })).toBe('token_audience_extra')
    expect(await verify(access_token)).toBe('no error')
  })

  it('of another kind are refused: ID token, refresh token, logout of a session', async () => {
    const { id_token, refresh_token } = await passwordToken()
    expect(await verify(id_token ?? '', { audiences: ['chat'] })).toBe('token_type_refused')
    expect(await verify(refresh_token ?? '')).toMatch(/^token_(type|algorithm|claims|malformed)/)
  })

  it('of a service account never pass for a person', async () => {
    const { access_token } = await keycloakToken('sallyport', { grant_type: 'client_credentials' })
    expect(claimsOf(access_token)).toMatchObject({ azp: 'sallyport', typ: 'Bearer' })
    expect(claimsOf(access_token).sub).not.toBe('sallyport')
    expect(await verify(access_token, { audiences: ['orders-api'] })).toBe('token_principal_refused')
  })

  it('typed JWT are refused where only at+jwt is taken', async () => {
    const { access_token } = await passwordToken()
    const strict = open({}, [])
    expect(await codeOf(() => strict.identity.verifySubject(access_token, server()))).toBe(
      'token_type_refused',
    )
  })

  it('become session tokens, at both doors one session', async () => {
    const { access_token } = await passwordToken({ scope: 'openid orders.read' })
    const at = open()
    const { status, body } = await exchange(await at.app(), access_token, { scope: 'orders.read' })
    expect(status).toBe(200)
    const claims = decodeJwt(body['access_token'])
    const { sub, sid } = claimsOf(access_token)
    expect(claims).toMatchObject({
      sub,
      client_id: 'chat',
      scope: 'orders.read',
      sp: { kind: 'user', tenant: 'acme' },
    })
    const access = await at.identity.identify(access_token)
    expect(access.session).toMatchObject({
      sid: claims['sid'],
      idpSid: sid,
      client: 'chat',
      groups: ['crm-users'],
      groupsComplete: true,
    })
  })
})
