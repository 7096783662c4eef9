import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { aLogin, aServer, codeOf, type Opened, opened } from '../identity/opened.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { openScene } from './scene.ts'

const randomKid = () => randomBytes(8).toString('hex')

describe('A13 unknown kid storm: at the listeners', () => {
  it('1,000 random kids make no further key fetch within the cool-down, and valid tokens keep working', async () => {
    const scene = await openScene()
    const { idp } = scene
    const valid = await idp.token()
    expect((await scene.ask(valid)).status).toBe(200)
    expect(idp.keyFetches).toBe(1)
    const { length } = idp.requests
    const codes: string[] = []
    for (let wave = 0; wave < 20; wave++) {
      const strangers = await Promise.all(
        Array.from({ length: 50 }, () => idp.token({}, { kid: randomKid() })),
      )
      const refusals = strangers.map((token, n) => (n % 2 === 0 ? scene.ask(token) : scene.mint(token)))
      // One that was seen before, and one that has to be verified.
      const wanted = [scene.ask(valid), scene.ask(await idp.token())]
      codes.push(...(await Promise.all(refusals)).map(({ status, code }) => `${status} ${code}`))
      expect((await Promise.all(wanted)).map(({ status }) => status)).toEqual([200, 200])
    }
    const counted = (text: string) => codes.filter((code) => code === text).length
    expect([
      codes.length,
      counted('401 token_signature_invalid'),
      counted('400 token_signature_invalid'),
    ]).toEqual([1_000, 500, 500])
    expect(idp.requests.slice(length)).toEqual([])
    expect(scene.downstream.seen).toHaveLength(41)
  }, 60_000)

  it('before the first key was ever read makes one', async () => {
    const scene = await openScene()
    const strangers = await Promise.all(
      Array.from({ length: 100 }, () => scene.idp.token({}, { kid: randomKid() })),
    )
    const answers = await Promise.all(strangers.map((token) => scene.ask(token)))
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(['token_signature_invalid']))
    expect(scene.idp.keyFetches).toBe(1)
    expect((await scene.ask(await scene.idp.token())).status).toBe(200)
  })

  it('does not storm a provider that is down, nor lock out those whose keys are known', async () => {
    const scene = await openScene()
    const valid = await scene.idp.token()
    const fresh = await scene.idp.token({ sub: 'bob' })
    expect((await scene.ask(valid)).status).toBe(200)
    scene.idp.knobs.hangUp = true
    const { length } = scene.idp.requests
    for (let wave = 0; wave < 4; wave++) {
      const strangers = await Promise.all(
        Array.from({ length: 50 }, () => scene.idp.token({}, { kid: randomKid() })),
      )
      await Promise.all(strangers.map((token) => scene.ask(token)))
    }
    expect(scene.idp.requests.slice(length)).toEqual([])
    expect((await scene.ask(valid)).status).toBe(200)
    expect((await scene.ask(fresh)).status).toBe(200)
  })
})

describe('A13 unknown kid storm: over cool-downs', () => {
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
  const stranger = () => idp.token({}, { kid: randomKid() })

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
    const storm = async () => {
      const tokens = await Promise.all(Array.from({ length: 200 }, stranger))
      expect(new Set(await Promise.all(tokens.map(verify)))).toEqual(new Set(['idp_unavailable']))
      return idp.requests.length
    }
    const once = await storm()
    expect(once).toBeLessThanOrEqual(6)
    expect([await storm(), await storm()]).toEqual([once, once])
    clock.advance(5)
    expect(await storm()).toBe(2 * once)
  })
})
