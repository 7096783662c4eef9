import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseStrictJson } from '../../src/model/index.ts'

const refused = (text: string) => {
  try {
    parseStrictJson(text)
  } catch (error) {
    return (error as { code: string }).code
  }
  return undefined
}

describe('JSON that is judged', () => {
  it.each([
    ['a name twice', '{"a":1,"a":2}'],
    ['a name twice, once escaped', '{"method":1,"m\\u0065thod":2}'],
    ['a name twice, deep inside', '[{"x":{"b":1,"c":{},"b":[]}}]'],
    ['a prototype', '{"__proto__":{}}'],
    ['an escaped prototype', '{"\\u005f_proto__":{}}'],
    ['a number beyond a double', '{"id":1e400}'],
    ['an integer that is rounded', '[9007199254740993]'],
    ['an integer that is rounded, as a fraction', '[9007199254740993.0]'],
    ['depth', '['.repeat(65) + ']'.repeat(65)],
  ])('is refused for %s', (_name, text) => {
    expect(refused(text)).toBe('json_ambiguous')
  })

  it.each(['', '{', '\uFEFF{}', '{} {}', '{"a":1,}', "{'a':1}", 'NaN', '{"a":\u00a01}', '"\u0001"'])(
    'is refused where it is none: %j',
    (text) => {
      expect(refused(text)).toBe('json_malformed')
    },
  )

  it('is refused for depth without running out of stack', () => {
    expect(refused('['.repeat(200_000) + ']'.repeat(200_000))).toMatch(/^json_/)
  })

  it('takes the same names in different objects, and quotes, braces and digits inside of texts', () => {
    const text = '{"a":{"a":"\\"a\\":{[1e999"},"b":[{"a":1},{"a":2}],"__proto":0,"":-0.5e3}'
    expect(parseStrictJson(text)).toEqual(JSON.parse(text))
  })

  it('takes whatever is written by JSON.stringify of safe values, as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(value)
        const risky = /__proto__|\d{16}|e\+/.test(text)
        fc.pre(!risky)
        expect(parseStrictJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })
})
