import { describe, expect, it } from 'vitest'
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { openSigningKeys } from '../../../src/identity/session/keys.ts'
import { type EpochSeconds, epoch, seconds } from '../../../src/model/index.ts'
import { steppedClock } from '../../kit/stepped-clock.ts'

const open = (algorithm: 'EdDSA' | 'ES256' = 'EdDSA', remembered = 65_536) => {
  const clock = steppedClock()
  const keys = openSigningKeys({ algorithm, rotation: seconds(3600), remembered }, { clock })
  const sign = (life: number): { token: string; exp: EpochSeconds } => {
    const exp = epoch(clock.now() + life)
    return { token: keys.sign({ exp }, exp), exp }
  }
  const verify = (token: string): boolean => {
    const at = token.lastIndexOf('.')
    const { kid } = decodeProtectedHeader(token)
    return keys.verify(String(kid), token.slice(0, at), Buffer.from(token.slice(at + 1), 'base64url'))
  }
  return { clock, keys, sign, verify }
}

describe.each(['EdDSA', 'ES256'] as const)('signing keys (%s)', (algorithm) => {
  it('know a token again that they remember no longer, and refuse each of its neighbours', () => {
    const { sign, verify } = open(algorithm, 8)
    const tokens = Array.from({ length: 40 }, (_, index) => sign(300 + index).token)
    for (const token of tokens) {
      expect(verify(token)).toBe(true)
      const at = token.lastIndexOf('.') + 1
      const signature = Buffer.from(token.slice(at), 'base64url')
      for (const byte of [0, 31, 32, 63]) {
        const other = Buffer.from(signature)
        other[byte] = (other[byte] ?? 0) ^ 1
        expect(verify(token.slice(0, at) + other.toString('base64url'))).toBe(false)
      }
    }
  })

  it('refuse another signature, another text and another kid', () => {
    const { keys, sign, verify } = open(algorithm)
    const { token } = sign(300)
    const other = open(algorithm).sign(300).token
    expect(verify(token)).toBe(true)
    expect(verify(other)).toBe(false)
    expect(verify(`${token.split('.')[0]}.e30.${token.split('.')[2]}`)).toBe(false)
    expect(keys.verify('constructor', 'a.b', Buffer.alloc(64))).toBe(false)
    expect(keys.verify(String(decodeProtectedHeader(token).kid), 'a.b', Buffer.alloc(0))).toBe(false)
  })

  it('publish public halves that anyone can verify with, named by their thumbprint (RFC 7638)', async () => {
    const { clock, keys, sign } = open(algorithm)
    const published = keys.jwks()
    for (const key of published.keys) {
      expect(key.d).toBeUndefined()
      expect(key.kid).toBe(await calculateJwkThumbprint(key))
    }
    const currentDate = new Date(clock.now() * 1000)
    await jwtVerify(sign(300).token, createLocalJWKSet({ keys: [...published.keys] }), { currentDate })
  })

  it('rotate without dropping a live token, and let the former key go with its last token', () => {
    const { clock, keys, sign, verify } = open(algorithm)
    clock.advance(3_599)
    const before = sign(300).token
    clock.advance(1)
    const after = sign(300).token
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid)
    expect([verify(before), verify(after)]).toEqual([true, true])
    expect(keys.jwks().keys).toHaveLength(2)
    clock.advance(298)
    expect(keys.jwks().keys).toHaveLength(2)
    expect(verify(before)).toBe(true)
    clock.advance(1)
    expect(keys.jwks().keys).toHaveLength(1)
    expect([verify(before), verify(after)]).toEqual([false, true])
  })
})
