import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ConfigErrors } from '../../src/config/errors.ts'
import { seconds } from '../../src/model/index.ts'
import { aLogin, aServer, codeOf, exchange, opened } from '../identity/opened.ts'
import { startIdp } from '../kit/idp.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { admitted, audience, clock, openScene } from './scene.ts'
import { byEd25519, forge } from './signed.ts'

const outOfTime = /^400 (token_(?:expired|not_yet_valid|claims_invalid)), 401 \1$/
const second = () => Math.floor(clock.now())

describe('A05 a token out of its time, or without one', () => {
  it('is refused at both doors, and nothing is sent to the downstream', async () => {
    const scene = await openScene({ login: 'skew: 0s' })
    const now = second()
    const cases: readonly [string, object][] = [
      ['expired by one second', { iat: now - 10, exp: now - 1 }],
      ['expiring now', { iat: now - 10, exp: now }],
      ['issued a year ago', { iat: now - 31_536_000, exp: now - 31_535_700 }],
      ['valid from a minute from now', { nbf: now + 60 }],
      ['issued in a minute', { iat: now + 60 }],
      ['without exp', { exp: undefined }],
      ['exp null', { exp: null }],
      ['exp as text', { exp: `${now + 300}` }],
      ['exp in a list', { exp: [now + 300] }],
      ['exp true', { exp: true }],
      ['exp 1e12, in milliseconds', { exp: 1e12 }],
      ['exp now, in milliseconds', { exp: (now + 300) * 1000 }],
      ['exp beyond all time', { exp: Number.MAX_SAFE_INTEGER }],
      ['exp below zero', { exp: -1 }],
      ['exp not after iat', { iat: now, exp: now }],
      ['without iat', { iat: undefined }],
      ['iat as text', { iat: `${now}` }],
      ['nbf as text', { nbf: `${now}` }],
      ['nbf in milliseconds', { nbf: now * 1000 }],
      ['signed in after it was issued', { auth_time: now + 3_600 }],
    ]
    const answers: Record<string, string> = {}
    for (const [what, claims] of cases) {
      const answer = await scene.doors(await scene.idp.token(claims as Record<string, unknown>))
      answers[what] = outOfTime.test(answer) ? 'refused' : answer
    }
    expect(answers).toEqual(Object.fromEntries(cases.map(([what]) => [what, 'refused'])))
    expect(await scene.sessions()).toBe(0)
    expect(scene.downstream.connections).toBe(0)
  })

  it('is refused with exp 1e400, which JSON reads as infinite, though it is signed by the provider', async () => {
    const scene = await openScene()
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'second', alg: 'EdDSA', use: 'sig' }
    scene.idp.knobs.extraKeys = [jwk]
    const payload = (exp: string) =>
      `{"iss":"${scene.idp.issuer}","sub":"alice","aud":"${audience}","client_id":"c","jti":"j","iat":${second()},"exp":${exp}}`
    const signed = (exp: string) =>
      forge({ alg: 'EdDSA', typ: 'at+jwt', kid: 'second' }, payload(exp), byEd25519(privateKey))
    expect(await scene.doors(signed('1e400'))).toMatch(outOfTime)
    expect(await scene.doors(signed('-1e400'))).toMatch(outOfTime)
    expect(scene.downstream.connections).toBe(0)
    expect(await scene.doors(signed(`${second() + 300}`))).toBe(admitted)
  })
})

describe('A05 the skew that is given', () => {
  it('reaches as far as it is configured and no further', async () => {
    const scene = await openScene({ login: 'skew: 30s' })
    const now = second()
    expect(await scene.doors(await scene.idp.token({ iat: now + 15, nbf: now + 15 }))).toBe(admitted)
    const late = await scene.idp.token({ iat: now - 100, exp: now - 31 })
    expect(await scene.doors(late)).toMatch(outOfTime)
    const early = await scene.idp.token({ nbf: now + 40 })
    expect(await scene.doors(early)).toMatch(outOfTime)
  })

  it('cannot be configured beyond a minute', async () => {
    await expect(openScene({ login: 'skew: 61s' })).rejects.toThrow(ConfigErrors)
  })

  it('is a minute at most, whatever the room is told', async () => {
    const stepped = steppedClock()
    const idp = await startIdp({ clock: stepped, algorithm: 'EdDSA' })
    const at = opened({ logins: [aLogin(idp, { skew: seconds(86_400) })], clock: stepped })
    const token = await idp.token({ iat: stepped.now() - 100, exp: stepped.now() - 60 })
    expect(await codeOf(() => at.identity.verifySubject(token, aServer()))).toBe('token_expired')
    const just = await idp.token({ iat: stepped.now() - 100, exp: stepped.now() - 59 })
    expect(await codeOf(() => at.identity.verifySubject(just, aServer()))).toBe('no error')
    await idp.close()
  })
})

describe('A05 the session of a token', () => {
  it('never outlives it', async () => {
    const stepped = steppedClock()
    const idp = await startIdp({ clock: stepped, algorithm: 'EdDSA' })
    const at = opened({ logins: [aLogin(idp)], clock: stepped })
    const { body } = await exchange(await at.app(), await idp.token({ exp: stepped.now() + 2 }))
    expect(body['expires_in']).toBe(2)
    stepped.advance(2)
    expect(await codeOf(() => at.identity.identify(body['access_token']))).toBe('token_expired')
    await idp.close()
  })

  it('ends with it for a subject token that is itself the bearer, though it was seen before', async () => {
    const scene = await openScene({ login: 'skew: 0s' })
    const end = second() + 2
    const token = await scene.idp.token({ exp: end })
    expect((await scene.ask(token)).status).toBe(200)
    await expect.poll(() => second() >= end, { timeout: 10_000, interval: 100 }).toBe(true)
    const answer = await scene.ask(token)
    expect([answer.status, answer.code]).toEqual([401, 'token_expired'])
    expect(scene.downstream.seen).toHaveLength(1)
  })
})
