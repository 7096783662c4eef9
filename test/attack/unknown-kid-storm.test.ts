import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, codeOf, type Opened, opened } from '../identity/opened.ts'

let clock: ReturnType<typeof steppedClock>
let idp: Idp
let at: Opened

beforeEach(async () => {
  clock = steppedClock()
  idp = await startIdp({ clock, algorithm: 'EdDSA' })
  at = opened({ logins: [aLogin(idp)], clock })
})
afterEach(() => idp.close())

const verify = (token: string) => codeOf(() => at.identity.verifySubject(token, aServer()))
const stranger = () => idp.token({}, { kid: randomBytes(8).toString('hex') })

describe('A13 a storm of unknown kids', () => {
  it('of 1,000 makes at most one fetch per cool-down, and known keys go on working', async () => {
    const good = await idp.token({ exp: clock.now() + 3_600 })
    expect(await verify(good)).toBe('no error')
    for (let wave = 0; wave < 2; wave++) {
      clock.advance(30)
      const before = idp.keyFetches
      const tokens = await Promise.all(Array.from({ length: 500 }, stranger))
      const work = tokens.flatMap((token, n) =>
        n % 50 === 0 ? [verify(token), verify(good)] : [verify(token)],
      )
      const codes = await Promise.all(work)
      expect(codes.filter((code) => code === 'no error')).toHaveLength(10)
      expect(codes.filter((code) => code === 'token_signature_invalid')).toHaveLength(500)
      expect(idp.keyFetches - before).toBe(1)
    }
    expect(idp.keyFetches).toBe(3)
  })

  it('before the first key was ever read makes one', async () => {
    const tokens = await Promise.all(Array.from({ length: 100 }, stranger))
    expect(new Set(await Promise.all(tokens.map(verify)))).toEqual(new Set(['token_signature_invalid']))
    expect(idp.keyFetches).toBe(1)
  })

  it('does not hide a real rotation for longer than a cool-down', async () => {
    expect(await verify(await idp.token())).toBe('no error')
    clock.advance(30)
    await verify(await stranger())
    await idp.rotate()
    const rotated = await idp.token()
    expect(await verify(rotated)).toBe('token_signature_invalid')
    clock.advance(30)
    expect(await verify(rotated)).toBe('no error')
  })

  it('does not storm a provider that is down', async () => {
    idp.knobs.hangUp = true
    const tokens = await Promise.all(Array.from({ length: 200 }, stranger))
    expect(new Set(await Promise.all(tokens.map(verify)))).toEqual(new Set(['idp_unavailable']))
    expect(idp.requests.length).toBeLessThanOrEqual(6)
  })
})
