import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { parseForm } from '../../src/identity/form.ts'
import { SallyportError } from '../../src/model/index.ts'

/** What a form is made of, and what it should not be. */
const odd = fc.constantFrom(
  'a',
  '=',
  '&',
  '%',
  '+',
  '0',
  'f',
  'F',
  'é',
  '\0',
  '\n',
  '\ud800',
  '%C3',
  '%A9',
  '%ff',
)

describe('a form body', () => {
  it('gives every value back as it was encoded', () => {
    const text = fc.string({ unit: 'grapheme-ascii', minLength: 1 })
    fc.assert(
      fc.property(fc.uniqueArray(text, { maxLength: 20 }), text, (names, value) => {
        const body = new URLSearchParams(names.map((name): [string, string] => [name, value])).toString()
        const form = parseForm(body)
        for (const name of names) expect(form.one(name)).toBe(value)
      }),
    )
  })

  it('is parsed or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: odd, maxLength: 40 }), (body) => {
        try {
          parseForm(body)
        } catch (error) {
          expect(error).toBeInstanceOf(SallyportError)
        }
      }),
    )
  })

  it('lets audience and resource repeat, and takes an empty value as none (RFC 6749 §3.2)', () => {
    const form = parseForm('audience=a&audience=b&resource=&scope=')
    expect(form.all('audience')).toEqual(['a', 'b'])
    expect([form.one('resource'), form.one('scope'), form.one('toString')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })
})
