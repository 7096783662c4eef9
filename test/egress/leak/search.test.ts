import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hit } from '../../../src/egress/leak/search.ts'
import { each, type Encode, encodings, escapes, inPieces, pass, searchFor, splits } from './reflect.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')
const secret = 'sk_live/4eC39+Hq LyjWDarj"tT1z&dp7dc'

/** What a header may carry: printable ASCII without blanks at its ends. */
const anySecret = fc
  .string({
    minLength: 8,
    maxLength: 48,
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  })
  .filter((text) => text.trim() === text && text.length >= 8 && !/^[A-Za-z-]+ /.test(text))
const wordSecret = fc.stringMatching(/^[A-Za-z0-9_.~-]{8,48}$/)
const around = fc
  .string({ maxLength: 80, unit: 'binary-ascii' })
  .map((text) => text.replaceAll(/[%&\\]+[^ ]{0,12}$/g, ''))
const anyEncoding = fc.constantFrom(...Object.keys(encodings))
const cuts = fc.array(fc.nat(200), { maxLength: 12 })

function cut(text: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.filter((place) => place < text.length))].sort((one, other) => one - other)
  return [0, ...places].map((place, index) => text.subarray(place, places[index] ?? text.length))
}

describe('a credential in an answer', { timeout: 60_000 }, () => {
  it.each(Object.entries(encodings))(
    'is found as %s, cut at every place, and nothing of it passes',
    async (_name, encode) => {
      const search = searchFor(secret)
      const before = '{"note": "before", "value": '
      const text = latin1(`${before}${encode(secret)} and after`)
      for (const chunks of splits(text)) {
        const { bytes, error, ended } = await pass(search, chunks)
        expect(error?.code).toBe('credential_reflected')
        expect(ended).toBe(false)
        // Encodings that begin with something else than the credential may show that.
        expect(search.find(bytes)).toBeGreaterThanOrEqual(0)
        expect(bytes.length).toBeLessThan(text.indexOf(' and after'))
      }
    },
  )

  it('is found whatever it is, however it is encoded, wherever it stands and wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        anySecret,
        anyEncoding,
        around,
        around,
        cuts,
        async (value, name, before, after, at) => {
          const encode = encodings[name] as Encode
          const text = latin1(`${before}${encode(value)}${after}`)
          const { bytes, error } = await pass(searchFor(value), cut(text, at))
          expect(error?.code).toBe('credential_reflected')
          expect(bytes.length).toBeLessThan(before.length + encode(value).length)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('is found in any mixture of plain and escaped characters, and not one of them passes', async () => {
    const ways = [...Object.values(escapes), (code: number) => String.fromCharCode(code)]
    await fc.assert(
      fc.asyncProperty(
        wordSecret,
        fc.array(fc.nat(ways.length - 1), { minLength: 48, maxLength: 48 }),
        around,
        cuts,
        async (value, picks, before, at) => {
          const mixed = each(...picks.map((pick) => ways[pick]!))(value)
          const { bytes, error } = await pass(searchFor(value), cut(latin1(`${before}${mixed}.`), at))
          expect(error?.code).toBe('credential_reflected')
          expect(bytes.length).toBeLessThanOrEqual(before.length)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('is found in an escape of an escape', async () => {
    const ways = Object.values(escapes)
    await fc.assert(
      fc.asyncProperty(
        wordSecret,
        fc.nat(ways.length - 1),
        fc.nat(ways.length - 1),
        cuts,
        async (value, inner, outer, at) => {
          const text = each(ways[outer]!)(each(ways[inner]!)(value))
          const { bytes, error } = await pass(searchFor(value), cut(latin1(text), at))
          expect(error?.code).toBe('credential_reflected')
          expect(bytes.length).toBe(0)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is found in a text of any length, at any place', () => {
    const search = searchFor('0123456789abcdefghijklmnopqrstuvwxyzABCD')
    const filler = latin1('Lorem ipsum dolor sit amet, consectetur adipiscing elit. '.repeat(40))
    const needle = latin1('0123456789abcdefghijklmnopqrstuvwxyzABCD')
    for (let at = 0; at < 300; at += 1) {
      const text = Buffer.concat([filler.subarray(0, at), needle, filler.subarray(0, 1700 - at)])
      expect(search.find(text)).toBe(hit)
    }
  })

  it('is found where the answer ends up to eight characters before its end, if it is long', async () => {
    const long = 'a-long-credential-of-forty-characters-x1'
    const { error, bytes } = await pass(searchFor(long), [`value=${long.slice(0, -8)}`])
    expect(error?.code).toBe('credential_reflected')
    expect(bytes.toString()).not.toContain('a-long')
  })
})

describe('what Basic authentication sends (RFC 7617)', () => {
  const injected = Buffer.from('crm-user:a-very-secret-word').toString('base64')
  const search = searchFor(injected, { kind: 'header', name: 'Authorization', prefix: 'Basic ' })

  it.each(Object.entries(encodings))(
    'is found decoded, and its password alone, as %s',
    async (_name, encode) => {
      for (const text of ['crm-user:a-very-secret-word', 'a-very-secret-word', injected]) {
        const { error } = await pass(search, [encode(text)])
        expect(error?.code).toBe('credential_reflected')
      }
    },
  )

  it('does not make a secret of the user name', async () => {
    const { error, ended } = await pass(search, ['hello crm-user: welcome'])
    expect([error, ended]).toEqual([undefined, true])
  })
})

describe('the scheme that stands in a configured value', () => {
  it('is no part of what is looked for', async () => {
    const search = searchFor('Bearer abcdef0123456789', { kind: 'header', name: 'Authorization' })
    expect((await pass(search, ['token=abcdef0123456789;'])).error?.code).toBe('credential_reflected')
    expect((await pass(search, ['Authorization: Bearer other'])).ended).toBe(true)
  })
})

describe('an answer without the credential', { timeout: 60_000 }, () => {
  it('passes byte for byte, whatever it holds and however it is cut', async () => {
    const pieces = fc.oneof(
      around,
      fc.constantFrom(
        '%',
        '%4',
        '\\',
        '\\u',
        '\\u00',
        '&',
        '&#',
        '&#x4',
        '&am',
        '&amp',
        '%25',
        '\\\\',
        '&amp;',
        '\r\n',
      ),
      fc.nat(20).map((length) => secret.slice(0, length)),
      fc.nat(20).map((length) => Buffer.from(secret).toString('base64').slice(0, length)),
      fc.nat(20).map((length) => Buffer.from(secret).toString('hex').slice(0, length)),
    )
    const search = searchFor(secret)
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 12 }), cuts, async (parts, at) => {
        const text = latin1(parts.join(''))
        const { bytes, ended } = await pass(search, cut(text, at))
        expect(ended).toBe(true)
        expect(bytes).toEqual(text)
      }),
      { numRuns: 1000 },
    )
  })

  it('is held back only for as long as its end may be the beginning of the credential', async () => {
    const search = searchFor('zq-credential-0123')
    const { pieces } = await pass(search, ['data: one\n\n', 'data: zq-cred', 'ible\n\n', 'data: z', 'oo\n\n'])
    expect(pieces.map(String)).toEqual(['data: one\n\n', 'data: ', 'zq-credible\n\n', 'data: ', 'zoo\n\n'])
  })

  it('gives up what was held when it ends', async () => {
    const { bytes, ended } = await pass(
      searchFor('zq-credential-0123'),
      inPieces(latin1('it is zq-credential'), 1),
    )
    expect(bytes.toString()).toBe('it is zq-credential')
    expect(ended).toBe(true)
  })

  it('is let go at a blank line, however the credential begins', async () => {
    const before = Buffer.from(secret).toString('base64').slice(0, 12)
    for (const blank of ['\n\n\n', '\r\n\r\n', '\\n\\n\\n', '&#10;&#10;&#10;']) {
      const { pieces } = await pass(searchFor(secret), [`${before}${blank}!`, 'more'])
      expect(pieces.map(String)).toEqual([`${before}${blank}!`, 'more'])
    }
  })

  it('is held in bounded work, though its beginning is long and comes byte by byte', async () => {
    const search = searchFor(secret)
    const wide = (char: string) => each((code) => `&#x${code.toString(16).padStart(15, '0')};`)(char)
    const text = latin1(wide(wide(secret.slice(0, 20))).repeat(3))
    const { bytes, ended } = await pass(search, inPieces(text, 1))
    expect(ended).toBe(true)
    expect(bytes.equals(text)).toBe(true)
    const whole = await pass(search, inPieces(latin1(wide(wide(secret))), 1))
    expect(whole.error?.code).toBe('credential_reflected')
    expect(whole.bytes.length).toBe(0)
  })

  it('may be all escapes, of any kind and depth', async () => {
    const search = searchFor(secret)
    for (const piece of [
      '%',
      '&',
      '\\',
      '%25',
      '&amp;',
      '\\\\',
      '&#x26;',
      '\\u005c',
      '%u0025',
      '&#00000000000000000000065',
    ]) {
      const text = latin1(piece.repeat(3000))
      const { bytes, ended } = await pass(search, inPieces(text, 1000))
      expect(ended).toBe(true)
      expect(bytes.equals(text)).toBe(true)
    }
  })
})
