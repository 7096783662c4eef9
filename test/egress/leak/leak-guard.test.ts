import { describe, expect, it } from 'vitest'
import { createLeakGuard } from '../../../src/egress/leak/leak-guard.ts'
import { type Credential, type Downstream, Secret } from '../../../src/model/index.ts'

const bearer = { kind: 'bearer' } as const
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const jwt = `${encoded({ alg: 'EdDSA', typ: 'at+jwt' })}.${encoded({ sub: 'alice' })}.${'c2ln'.repeat(20)}`
const opaque = 'gho_16C7e42F292c6912E7710c838347Ae178B4a'

const credentialOf = (value: string): Credential => ({
  secret: new Secret(value, 'test'),
  placement: bearer,
  origin: 'https://orders.example',
  rev: 0,
  fingerprint: 'f',
})

const sources: Record<string, Downstream['credential']> = {
  static: { kind: 'static', per: 'user', placement: bearer },
  exchange: {
    kind: 'exchange',
    issuer: 'https://idp.example',
    client: { id: 'c' },
    scope: [],
    refresh: false,
  },
}

const isSearched = (guard: Downstream['guard'], source: string, value: string) => {
  const credential = sources[source]!
  const downstream = guard === undefined ? { credential } : { credential, guard }
  return createLeakGuard().searchFor(downstream, credentialOf(value)) !== undefined
}

describe('whether answers are searched', () => {
  it('by default for what is static or opaque, and not for a JWT that was issued', () => {
    for (const guard of [undefined, 'auto'] as const) {
      expect(isSearched(guard, 'static', opaque)).toBe(true)
      expect(isSearched(guard, 'static', jwt)).toBe(true)
      expect(isSearched(guard, 'exchange', opaque)).toBe(true)
      expect(isSearched(guard, 'exchange', jwt)).toBe(false)
    }
  })

  it('as the configuration says, where it says so', () => {
    for (const source of ['static', 'exchange']) {
      for (const value of [opaque, jwt]) {
        expect(isSearched('on', source, value)).toBe(true)
        expect(isSearched('off', source, value)).toBe(false)
      }
    }
  })

  it('for what only looks like a JWT: another number of parts, no algorithm, no JSON', () => {
    for (const value of [
      `${jwt}.${encoded({})}.c2ln`,
      jwt.split('.').slice(0, 2).join('.'),
      `${encoded({ typ: 'JWT' })}.${encoded({})}.c2ln`,
      `${encoded('text')}.${encoded({})}.c2ln`,
      'version1.part-two.part-three',
      `${jwt.slice(0, -1)}!`,
    ]) {
      expect([value, isSearched('auto', 'exchange', value)]).toEqual([value, true])
    }
  })
})

describe('a credential of fewer than eight bytes', () => {
  it('is an error where it would have to be searched for, and goes where guard is off', () => {
    for (const guard of ['auto', 'on'] as const) {
      expect(() => isSearched(guard, 'static', 'seven77')).toThrow(
        expect.objectContaining({ code: 'credential_too_short' }),
      )
      expect(isSearched(guard, 'static', 'eight888')).toBe(true)
    }
    expect(isSearched('off', 'static', 'seven77')).toBe(false)
  })
})

describe('the work of making a search', () => {
  it('is done once for a credential, and again for a fresh one', () => {
    const guard = createLeakGuard()
    const downstream = { credential: sources['static']! }
    const credential = credentialOf(opaque)
    const search = guard.searchFor(downstream, credential)
    expect(guard.searchFor(downstream, { ...credential, rev: 9 })).toBe(search)
    expect(guard.searchFor(downstream, credentialOf(opaque))).not.toBe(search)
  })
})

describe('a short text of the downstream, such as its id of the request', () => {
  it('is recognised as the credential in any form, whether answers are searched or not', () => {
    const guard = createLeakGuard()
    const credential = credentialOf(opaque)
    for (const text of [
      opaque,
      `id-${opaque}`,
      Buffer.from(opaque).toString('base64'),
      Buffer.from(opaque).toString('hex').toUpperCase(),
    ]) {
      expect(guard.standsIn(credential, text)).toBe(true)
    }
    expect(guard.standsIn(credential, '3f2a9c1e-7b1d-4a55-9d0c-5d2f0f6a1b2c')).toBe(false)
    const short = `${encoded({ alg: 'HS256' })}.${encoded({})}.${'c2ln'.repeat(8)}`
    expect(guard.standsIn(credentialOf(short), short)).toBe(true)
    expect(guard.standsIn(credentialOf(jwt), 'x'.repeat(40))).toBe(false)
    expect(guard.standsIn(credentialOf('seven77'), 'seven77')).toBe(false)
  })
})
