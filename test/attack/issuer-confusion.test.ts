import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeJwt } from 'jose'
import { principalKey } from '../../src/model/index.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, codeOf, exchange, opened } from '../identity/opened.ts'

const clock = steppedClock()
let a: Idp
let b: Idp

beforeAll(async () => {
  a = await startIdp({ clock, path: '/realms/a', kid: 'same' })
  b = await startIdp({ clock, path: '/realms/b', kid: 'same' })
})
afterAll(() => Promise.all([a.close(), b.close()]))

const open = () => opened({ logins: [aLogin(a), aLogin(b)], clock })
const verify = async (token: Promise<string>) =>
  codeOf(async () => open().identity.verifySubject(await token, aServer()))

describe('A04 two trusted issuers', () => {
  it('cannot speak for each other, even under the same kid', async () => {
    expect(await verify(b.token({ iss: a.issuer }))).toBe('token_signature_invalid')
    expect(await verify(a.token({ iss: b.issuer }))).toBe('token_signature_invalid')
  })

  it('are known by their exact name only', async () => {
    const variants = [
      `${a.issuer}/`,
      a.issuer.toUpperCase(),
      a.issuer.replace('127.0.0.1', 'localhost'),
      a.issuer.replace('http:', 'https:'),
      a.issuer.replace('realms', '%72ealms'),
      `${a.issuer}#x`,
      `${a.issuer}?x`,
      ` ${a.issuer}`,
      a.issuer.slice(0, -1),
      'constructor',
    ]
    for (const iss of variants) expect(await verify(a.token({ iss }))).toBe('token_issuer_unknown')
    for (const iss of [undefined, '', [a.issuer], { a: 1 }, 5]) {
      expect(await verify(a.token({ iss }))).toBe('token_claims_invalid')
    }
  })

  it('with the same sub are two principals, two sessions and two subjects of tokens', async () => {
    const at = open()
    const face = await at.app()
    const keys = new Set<string>()
    const sids = new Set<unknown>()
    const subs = new Set<unknown>()
    for (const idp of [a, b]) {
      const minted = (await exchange(face, await idp.token({ sid: 'one' }))).body['access_token']
      const access = await at.identity.identify(minted)
      expect(access.session.principal).toMatchObject({ issuer: idp.issuer, subject: 'alice' })
      keys.add(principalKey(access.session.principal))
      sids.add(access.session.sid)
      subs.add(decodeJwt(minted).sub)
    }
    expect([keys.size, sids.size, subs.size]).toEqual([2, 2, 2])
  })

  it('with the same sub as user and as workload are two principals', async () => {
    const workloads = [{ issuer: b.issuer, audience: 'sallyport', subjects: ['alice'] }]
    const at = opened({ logins: [aLogin(a)], workloads, clock })
    const face = await at.app()
    const kinds: unknown[] = []
    const sids = new Set<unknown>()
    for (const token of [await a.token(), await b.token({ aud: 'sallyport' })]) {
      const claims = decodeJwt((await exchange(face, token)).body['access_token'])
      kinds.push((claims['sp'] as { kind: string }).kind)
      sids.add(claims['sid'])
    }
    expect(kinds).toEqual(['user', 'workload'])
    expect(sids.size).toBe(2)
  })

  it('do not lend their keys to a document that names the other', async () => {
    b.knobs.documentIssuer = a.issuer
    expect(await verify(b.token())).toBe('idp_metadata_refused')
    b.knobs.documentIssuer = undefined
  })
})
