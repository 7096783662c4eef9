import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seconds } from '../../src/model/index.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, codeOf, exchange, type Opened, opened } from '../identity/opened.ts'

const clock = steppedClock()
const now = clock.now()
let idp: Idp
let at: Opened

beforeAll(async () => {
  idp = await startIdp({ clock })
})
afterAll(() => idp.close())
beforeEach(() => {
  const servers = [aServer({ acceptSubjectToken: true })]
  at = opened({ logins: [aLogin(idp, { skew: seconds(0) })], clock, servers })
})

describe('A05 a token out of its time, or without one', () => {
  it.each([
    ['expired by one second', { iat: now - 10, exp: now - 1 }],
    ['expiring now', { iat: now - 10, exp: now }],
    ['valid from the next second', { nbf: now + 1 }],
    ['issued in the next second', { iat: now + 1 }],
    ['without exp', { exp: undefined }],
    ['exp null', { exp: null }],
    ['exp as text', { exp: `${now + 300}` }],
    ['exp in a list', { exp: [now + 300] }],
    ['exp in milliseconds', { exp: 1e12 }],
    ['exp beyond all time', { exp: Number.MAX_SAFE_INTEGER }],
    ['exp below zero', { exp: -1 }],
    ['without iat', { iat: undefined }],
    ['iat as text', { iat: `${now}` }],
    ['nbf as text', { nbf: `${now}` }],
    ['nbf in milliseconds', { nbf: now * 1000 }],
  ])('is refused at both doors: %s', async (_what, claims) => {
    const token = await idp.token(claims)
    const expected = /^token_(expired|not_yet_valid|claims_invalid)$/
    expect((await exchange(await at.app(), token)).body['code']).toMatch(expected)
    expect(await codeOf(() => at.identity.identify(token))).toMatch(expected)
  })

  it('is refused with exp 1e400, which JSON reads as infinite', async () => {
    const [head, , tail] = (await idp.token()).split('.') as [string, string, string]
    const payload = `{"iss":"${idp.issuer}","sub":"alice","exp":1e400}`
    const forged = `${head}.${Buffer.from(payload).toString('base64url')}.${tail}`
    expect(await codeOf(() => at.identity.verifySubject(forged, aServer()))).toBe('token_signature_invalid')
  })

  it('never gets a session that outlives it', async () => {
    const { body } = await exchange(await at.app(), await idp.token({ exp: now + 2 }))
    expect(body['expires_in']).toBe(2)
    clock.advance(2)
    expect(await codeOf(() => at.identity.identify(body['access_token']))).toBe('token_expired')
  })
})
