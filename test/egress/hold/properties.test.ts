import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json, JsonObject } from '../../../src/model/index.ts'
import { type Asked, held, outcome, type Sent } from './held.ts'

const id = 'POST /orders/{id}/{rest...}'
const bind = { 'path.id': 'id', 'path.rest': 'rest', 'query.q': 'q', 'body.amount': '/sum/amount' }
const use = held(id, { bind, free: ['query.free', 'body.free'] }, 'critical')
const open = held(id, { bind })

/** Signs that readers treat in ways of their own. */
const sign = fc.constantFrom(
  ...'abA0+& =%;/?#[].:@\\"\'<é４\u0000\u2044\u202e'.split(''),
  '%2F',
  '%00',
  '..',
  '👋',
)
const text = fc.array(sign, { maxLength: 6 }).map((signs) => signs.join(''))
/** What may stand in one segment of a path that is not refused for its own sake. */
const segment = fc
  .array(fc.constantFrom(...'abA09+&= :@,!é４'.split(''), '👋'), { minLength: 1, maxLength: 6 })
  .map((signs) => signs.join(''))
const scalar = fc.oneof(text, fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean())
const plain = scalar.map((it) =>
  typeof it === 'number' && Number.isInteger(it) && !Number.isSafeInteger(it) ? 0 : it,
)
const json = fc.oneof(
  plain,
  fc.constant(null),
  fc.array(plain, { maxLength: 3 }),
  fc.dictionary(
    text.filter((name) => name !== '__proto__'),
    plain,
    { maxKeys: 3 },
  ),
) as fc.Arbitrary<Json>

const anyCall = fc.record({
  id: fc.oneof(segment, fc.integer(), fc.boolean()),
  rest: fc.array(segment, { minLength: 1, maxLength: 3 }).map((them) => them.join('/')),
  q: plain,
  sum: fc.record({ amount: json }),
})
type Call = typeof anyCall extends fc.Arbitrary<infer T> ? T : never

/** Any spelling of a text that decodes to it. */
function spelt(it: string, escapes: readonly boolean[], blank: string): string {
  return Array.from(it)
    .map((char, index) => {
      if (char === ' ') return blank
      const must = !/[A-Za-z0-9._~-]/.test(char)
      if (!must && escapes[index % escapes.length] !== true) return char
      return [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
    })
    .join('')
}

const spelling = fc.record({
  escapes: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
  blank: fc.constantFrom('+', '%20'),
  indent: fc.constantFrom(0, 1, '\t'),
})
type Spelling = typeof spelling extends fc.Arbitrary<infer T> ? T : never

function asked({ id: own, rest, q, sum }: Call, { escapes, blank, indent }: Spelling): Asked {
  const path = (it: string) =>
    it
      .split('/')
      .map((one) => spelt(one, escapes, '%20'))
      .join('/')
  return {
    path: `/orders/${path(String(own))}/${path(rest)}`,
    query: `?${spelt('q', escapes, '+')}=${spelt(String(q), escapes, blank)}`,
    json: JSON.stringify(sum, undefined, indent),
  }
}

/** Reads what was sent with the readers of the platform. */
function readBack({ url, body = '' }: Sent) {
  const read = new URL(url, 'https://downstream.example')
  const [, orders, own = '', ...rest] = read.pathname.split('/')
  return {
    orders,
    id: decodeURIComponent(own),
    rest: rest.map(decodeURIComponent).join('/'),
    q: read.searchParams.getAll('q'),
    amount: (JSON.parse(body) as { readonly amount: unknown }).amount,
  }
}

/** As JSON has it. */
const written = (value: Json): Json => JSON.parse(JSON.stringify(value)) as Json

describe('whatever passes', () => {
  it('says what the call says, to every other reader', () => {
    fc.assert(
      fc.property(anyCall, spelling, (call, how) => {
        for (const one of [use, open]) {
          const sent = outcome(asked(call, how), one, call)
          if (typeof sent === 'string') throw new Error(`refused: ${sent}`)
          expect(readBack(sent)).toEqual({
            orders: 'orders',
            id: String(call.id),
            rest: call.rest,
            q: [String(call.q)],
            amount: written(call.sum.amount),
          })
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('says it still when anything was put beside it', () => {
    let passed = 0
    const beside = fc.tuple(text, text)
    fc.assert(
      fc.property(
        anyCall,
        spelling,
        fc.array(beside, { maxLength: 3 }),
        fc.array(text, { maxLength: 2 }),
        (call, how, more, raw) => {
          const own = asked(call, how)
          const query = [own.query, ...more.map((it) => it.map(encodeURIComponent).join('=')), ...raw].join(
            '&',
          )
          const sum = JSON.stringify({
            ...call.sum,
            ...Object.fromEntries(more.filter(([name]) => name !== 'amount')),
          })
          const sent = outcome(
            { ...own, query: query.replaceAll(/[^\x21-\x7e]|#/g, ''), json: sum },
            open,
            call,
          )
          if (typeof sent === 'string') return
          passed += 1
          const back = readBack(sent)
          expect(back.q).toEqual([String(call.q)])
          expect(back.amount).toEqual(written(call.sum.amount))
        },
      ),
      { numRuns: 1000 },
    )
    expect(passed).toBeGreaterThan(100)
  })

  it('has nothing beside it where the rest is refused', () => {
    fc.assert(
      fc.property(
        anyCall,
        spelling,
        text.filter((name) => !['free', 'amount', '__proto__'].includes(name)),
        json,
        (call, how, name, value) => {
          const own = asked(call, how)
          const body = JSON.stringify({ ...call.sum, [name]: value })
          expect(outcome({ ...own, json: body }, use, call as JsonObject)).toBe('call_field_unbound rest')
          const free = JSON.stringify({ ...call.sum, free: value })
          expect(outcome({ ...own, json: free }, use, call as JsonObject)).toMatchObject({
            body: JSON.stringify(JSON.parse(free)),
          })
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('a change of what is bound', () => {
  const keys = ['id', 'rest', 'q', 'sum'] as const

  it('is refused, whichever it is', () => {
    fc.assert(
      fc.property(anyCall, anyCall, fc.constantFrom(...keys), spelling, (call, other, key, how) => {
        const text = (it: Call) => (key === 'sum' ? JSON.stringify(written(it.sum.amount)) : String(it[key]))
        fc.pre(text(call) !== text(other))
        fc.pre(key !== 'sum' || !sameUnordered(call.sum.amount, other.sum.amount))
        for (const one of [use, open]) {
          const code = outcome(asked({ ...call, [key]: other[key] }, how), one, call)
          expect(code).toMatch(/^call_parameter_mismatch/)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('is refused where it is one character of a path', () => {
    fc.assert(
      fc.property(anyCall, fc.nat(), segment, (call, at, by) => {
        const whole = String(call.id)
        const cut = at % (whole.length + 1)
        const changed = whole.slice(0, cut) + by + whole.slice(cut)
        const code = outcome(
          asked({ ...call, id: changed }, { escapes: [true], blank: '+', indent: 0 }),
          use,
          call,
        )
        expect(code).toMatch(/^call_parameter_mismatch/)
      }),
    )
  })
})

function sameUnordered(one: unknown, other: unknown): boolean {
  try {
    expect(written(one as Json)).toEqual(written(other as Json))
    return true
  } catch {
    return false
  }
}

describe('anything at all', () => {
  it('is sent or refused with a code, and breaks nothing', () => {
    const anyBody = fc.oneof(
      fc.record({ json: fc.json() }),
      fc.record({ form: text }),
      fc.record({
        bytes: fc.uint8Array({ maxLength: 40 }),
        head: fc.constant(['content-type', 'application/json']),
      }),
      fc.record({
        bytes: fc.uint8Array({ maxLength: 40 }),
        head: fc.constant(['content-type', 'application/x-www-form-urlencoded']),
      }),
      fc.constant({}),
    )
    const anyArgs = fc.dictionary(fc.constantFrom('id', 'rest', 'q', 'sum', 'toString'), json)
    fc.assert(
      fc.property(text, text, anyBody, anyArgs, (path, query, body, call) => {
        const sent = outcome({ path: `/orders/${path}/x`, query: `?${query}`, ...body }, use, call)
        expect(typeof sent === 'string' ? sent : sent.url).toMatch(/^(call|json)_|^\/orders/)
      }),
      { numRuns: 2000 },
    )
  })
})
