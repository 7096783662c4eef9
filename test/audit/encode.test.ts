import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEncoder } from '../../src/audit/encode.ts'
import { printable, quote, quoteForeign } from '../../src/audit/text.ts'
import { type Actor, type RecordEvent, Secret } from '../../src/model/index.ts'
import { alice } from './events.ts'

const encoded = (event: RecordEvent) => JSON.parse(`{${createEncoder()(event)}}`)
const jwt = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ'

describe('text in a record', () => {
  it('is printable ASCII, whatever the value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(quote(text, 1000)).toMatch(/^"[\x20-\x7e]*"$/)
      }),
    )
  }, 30_000)

  it('gives the value back unchanged within its bound', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(quote(text, 1000))).toBe(text)
      }),
    )
  }, 30_000)

  it('is cut at its bound, and says how much was cut', () => {
    expect(JSON.parse(quote('x'.repeat(30), 10))).toBe(`${'x'.repeat(10)}…(+20)`)
  })

  it.each([jwt, `Bearer ${'a'.repeat(20)}`, `x ${jwt} y`, 'basic dXNlcjpwYXNzd29yZA=='])(
    'has what looks like a credential taken out: %s',
    (text) => {
      expect(quoteForeign(text, 1000)).toContain('[token removed]')
      expect(quoteForeign(text, 1000)).not.toMatch(/eyJ|aaaa|dXNl/)
    },
  )
})

describe('text for a terminal', () => {
  it('shows escapes instead of controls, line ends and direction marks', () => {
    expect(printable('a\u001b[31m\n\u202e\u2028b\ud800')).toBe('a\\u001b[31m\\u000a\\u202e\\u2028b\\ud800')
  })

  it('leaves other languages as they are', () => {
    expect(printable('Zoë 日本 🙂')).toBe('Zoë 日本 🙂')
  })
})

describe('an event', () => {
  it('never holds a Secret or another object that slipped past the types', () => {
    const slipped = { a: new Secret('s3cret', 'x'), b: { c: 's3cret' }, d: [new Secret('s3cret', 'x')] }
    const event = {
      kind: 'denial',
      who: {},
      tool: new Secret('s3cret', 'x'),
      rule: new Secret('s3cret', 'x'),
      details: slipped,
    } as unknown as RecordEvent
    expect(JSON.stringify(encoded(event))).not.toContain('s3cret')
  })

  it('has its path without the query, where secrets travel', () => {
    expect(encoded({ kind: 'intent', who: {}, path: '/a?key=s3cret' })).toMatchObject({ path: '/a' })
    expect(encoded({ kind: 'intent', who: {}, path: '/a#s3cret' })).toMatchObject({ path: '/a' })
  })

  it('is one object with every member once, whatever its texts', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(text, text, text, text, (tool, client, subject, value) => {
        const event: RecordEvent = {
          kind: 'intent',
          who: { principal: { ...alice, subject }, client },
          tool,
          details: { note: value },
        }
        const keepsShape = ![tool, client, subject, value].some((one) => /eyJ|earer|asic|DPoP/.test(one))
        if (keepsShape) expect(encoded(event)).toEqual(event)
      }),
    )
  }, 30_000)

  it('has a bounded length', () => {
    const long = '\u0000'.repeat(100_000)
    const details = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`${index}${long}`, long]))
    const actor: Actor = { subject: long, issuer: long, actingFor: { subject: long, issuer: long } }
    const event: RecordEvent = {
      kind: 'intent',
      who: { principal: { ...alice, subject: long }, client: long, actor, sid: long },
      path: long,
      tool: long,
      downstreamRequestId: long,
      details,
    }
    expect(createEncoder()(event).length).toBeLessThan(120_000)
    expect(encoded(event)).toMatchObject({ details: { tooLong: true } })
  })

  it('has an actor chain of bounded depth (RFC 8693 §4.1)', () => {
    let actor: Actor = { subject: 'a0' }
    for (let depth = 1; depth < 50; depth += 1) actor = { subject: `a${depth}`, actingFor: actor }
    const text = createEncoder()({ kind: 'intent', who: { actor } })
    expect(text.match(/"subject"/g)).toHaveLength(5)
    expect(text).toContain('"deeper":true')
  })

  it('has null where a number is none', () => {
    expect(encoded({ kind: 'outcome', who: {}, durationMs: Number.NaN, status: 200 })).toMatchObject({
      durationMs: null,
      status: 200,
    })
  })
})
