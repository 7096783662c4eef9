import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base32, epoch, type Grant, type GrantPlace, type Principal } from '../../../src/model/index.ts'
import {
  type GrantFacts,
  grantAad,
  readGrantEntry,
  readKeyEntry,
} from '../../../src/storage/secrets/entry.ts'
import { decrypt, encrypt, openTokens, sealTokens } from '../../../src/storage/secrets/envelope.ts'
import {
  grantName,
  indexKeyInput,
  jobName,
  kekName,
  principalName,
} from '../../../src/storage/secrets/names.ts'
import { grantWith, shown } from '../../conformance/secrets.ts'

const key = randomBytes(32)
const plainOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const bytes = (text: string): Buffer => Buffer.from(text, 'base64url')

describe('envelope', () => {
  const plain = Buffer.from('a refresh token')
  const sealed = encrypt(key, plain, 'place', randomBytes)

  it('opens to nothing under another key, at another place, or with any bit changed', () => {
    expect(decrypt(randomBytes(32), sealed, 'place')).toBeUndefined()
    expect(decrypt(key, sealed, 'other place')).toBeUndefined()
    for (const part of ['iv', 'ct', 'tag'] as const) {
      for (let bit = 0; bit < bytes(sealed[part]).length * 8; bit += 1) {
        const changed = bytes(sealed[part])
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(decrypt(key, { ...sealed, [part]: changed.toString('base64url') }, 'place')).toBeUndefined()
      }
    }
  })

  it('refuses a short tag or nonce, which would be easier to forge', () => {
    const tag = bytes(sealed.tag).subarray(0, 4).toString('base64url')
    expect(decrypt(key, { ...sealed, tag }, 'place')).toBeUndefined()
    const iv = bytes(sealed.iv).subarray(0, 8).toString('base64url')
    expect(decrypt(key, { ...sealed, iv }, 'place')).toBeUndefined()
    expect(decrypt(key, { iv: '', ct: '', tag: '' }, 'place')).toBeUndefined()
  })

  it('gives back what was sealed, and never the same ciphertext twice', () => {
    expect(decrypt(key, sealed, 'place')).toEqual(plain)
    expect(encrypt(key, plain, 'place', randomBytes).ct).not.toBe(sealed.ct)
  })

  it('gives back any tokens, also absent and empty ones', () => {
    const { rt: _rt, at: _at, ...bare } = grantWith()
    for (const tokens of [grantWith(), bare as Grant]) {
      const opened = openTokens(key, sealTokens(key, tokens, 'p', randomBytes), 'p')
      expect(shown({ ...bare, ...opened })).toEqual(shown(tokens))
    }
  })
})

describe('associated data of a grant', () => {
  const at = { tenant: 'acme', group: 'crm', uh: 'u' }
  const facts = fc.record<GrantFacts>(
    {
      v: fc.constant(1 as const),
      gen: fc.nat(3),
      status: fc.constantFrom('active', 'reauth_required'),
      rev: fc.nat(3),
      registration: fc.string({ maxLength: 3 }),
      scopes: fc.array(fc.string({ maxLength: 2 }), { maxLength: 2 }),
      exp: fc.nat(3).map(epoch),
      obtained: fc.nat(3).map(epoch),
      sid: fc.string({ maxLength: 3 }),
      claim: fc.record({ owner: fc.string({ maxLength: 2 }), until: fc.nat(3).map(epoch) }),
    },
    { requiredKeys: ['v', 'gen', 'status', 'rev', 'registration', 'scopes'] },
  )

  it('differs whenever place or key differs', () => {
    fc.assert(
      fc.property(facts, (clear) => {
        const aads = [
          grantAad(at, 'g', 'k', clear),
          grantAad({ ...at, uh: 'w' }, 'g', 'k', clear),
          grantAad({ ...at, group: 'hr' }, 'g', 'k', clear),
          grantAad({ ...at, tenant: 'globex' }, 'g', 'k', clear),
          grantAad(at, 'h', 'k', clear),
          grantAad(at, 'g', 'l', clear),
        ]
        expect(new Set(aads).size).toBe(aads.length)
      }),
    )
  })

  it('differs whenever a single clear fact differs', () => {
    const names = fc.constantFrom<keyof GrantFacts>(
      ...(['gen', 'status', 'rev', 'registration', 'scopes', 'exp', 'obtained', 'sid', 'claim'] as const),
    )
    fc.assert(
      fc.property(facts, facts, names, (a, other, name) => {
        const { [name]: _former, ...rest } = a
        const b = (other[name] === undefined ? rest : { ...rest, [name]: other[name] }) as GrantFacts
        expect(grantAad(at, 'g', 'k', a) === grantAad(at, 'g', 'k', b)).toBe(
          isDeepStrictEqual(plainOf(a), plainOf(b)),
        )
      }),
      { numRuns: 1000 },
    )
  })

  it('begins with the place and the generation', () => {
    const { rt: _rt, at: _at, ...clear } = grantWith({ gen: 4 })
    expect(grantAad(at, 'g', 'k', clear)).toMatch(/^sp1\|acme\|crm\|u\|g\|4\|\[/)
  })
})

describe('stored entries', () => {
  it('are refused in any other form than the known one', () => {
    const wrong = fc.oneof(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.record({ v: fc.constant(1), tomb: fc.jsonValue() }),
      fc.record({ v: fc.constant(1), kid: fc.jsonValue(), gen: fc.jsonValue(), iv: fc.jsonValue() }),
      fc.record({ v: fc.constant(2), tomb: fc.constant({ at: 1, rev: 1, cause: 'x' }) }),
    )
    fc.assert(
      fc.property(wrong, (value) => {
        expect(() => readGrantEntry(value)).toThrow(expect.objectContaining({ code: 'secrets_corrupt' }))
        expect(() => readKeyEntry(value)).toThrow(expect.objectContaining({ code: 'secrets_corrupt' }))
      }),
    )
  })
})

describe('names', () => {
  const principal: Principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp', subject: 'alice' }
  const text = fc.string({ maxLength: 4 })

  it('encodes base32 as RFC 4648 §10 does, in lower case and without padding', () => {
    const vectors = {
      '': '',
      f: 'my',
      fo: 'mzxq',
      foo: 'mzxw6',
      foob: 'mzxw6yq',
      fooba: 'mzxw6ytb',
      foobar: 'mzxw6ytboi',
    }
    for (const [plain, coded] of Object.entries(vectors)) expect(base32(Buffer.from(plain))).toBe(coded)
  })

  it('are 32 characters of a-z2-7, whatever they stand for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (subject, issuer) => {
        expect(principalName(key, { ...principal, subject, issuer })).toMatch(/^[a-z2-7]{32}$/)
        expect(jobName(subject)).toMatch(/^[a-z2-7]{32}$/)
      }),
    )
  })

  it('differ for principals that differ, however their parts are cut', () => {
    fc.assert(
      fc.property(text, text, text, text, (issuer, subject, otherIssuer, otherSubject) => {
        const a = principalName(key, { ...principal, issuer, subject })
        const b = principalName(key, { ...principal, issuer: otherIssuer, subject: otherSubject })
        expect(a === b).toBe(issuer === otherIssuer && subject === otherSubject)
        expect(a).not.toBe(principalName(key, { ...principal, kind: 'workload', issuer, subject }))
        expect(a).not.toBe(principalName(randomBytes(32), { ...principal, issuer, subject }))
        const place: GrantPlace = {
          tenant: 't',
          group: 'g',
          principal,
          downstream: issuer,
          audience: subject,
        }
        expect(grantName(key, place)).not.toBe(a)
      }),
    )
  })

  it('of transit keys and index keys differ for tenants and groups that run together', () => {
    const pairs = [
      { tenant: 'a-b', group: 'c' },
      { tenant: 'a', group: 'b-c' },
      { tenant: 'a', group: 'b' },
      { tenant: 'b', group: 'a' },
    ]
    expect(new Set(pairs.map(kekName)).size).toBe(pairs.length)
    expect(new Set(pairs.map(indexKeyInput)).size).toBe(pairs.length)
  })
})
