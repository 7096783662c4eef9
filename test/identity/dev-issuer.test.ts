import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openDevIssuer } from '../../src/identity/index.ts'
import { seconds } from '../../src/model/index.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { aServer, codeOf, opened, url } from './opened.ts'

const open = () => {
  const clock = steppedClock()
  const dev = openDevIssuer(url, { clock, random: (size) => randomBytes(size) })
  return { clock, dev, identity: opened({ logins: [dev.login], clock }).identity }
}
const options = { audience: 'https://crm.example', ttl: seconds(600) }

describe('the built-in sign-in of the dev form', () => {
  it('knows alice, bob and admin, and nobody else', async () => {
    const { dev } = open()
    for (const user of ['mallory', '', 'constructor', 'Alice', '__proto__']) {
      expect(await codeOf(() => dev.issue(user, options))).toBe('request_malformed')
    }
  })

  it('is verified like any other issuer: audience, key, expiry', async () => {
    const { clock, dev, identity } = open()
    const check = (token: string) => codeOf(() => identity.verifySubject(token, aServer()))
    expect(await check(dev.issue('alice', { ...options, audience: 'https://other' }))).toBe(
      'token_audience_refused',
    )
    expect(await check(open().dev.issue('alice', options))).toBe('token_signature_invalid')
    const token = dev.issue('alice', options)
    expect(await check(token)).toBe('no error')
    clock.advance(600)
    expect(await check(token)).toBe('token_expired')
    expect(await check(dev.issue('alice', { ...options, ttl: seconds(10 ** 6) }))).toBe('no error')
    clock.advance(3_600)
  })

  it('says who signed in, when, and in which groups', async () => {
    const { clock, dev, identity } = open()
    expect(await identity.verifySubject(dev.issue('bob', options), aServer())).toMatchObject({
      principal: { kind: 'user', issuer: `${url}/dev`, subject: 'bob' },
      client: 'dev',
      authTime: clock.now(),
      groups: ['crm-users'],
      groupsComplete: true,
    })
  })
})
