import { describe, expect, it } from 'vitest'
import type { Json, JsonObject } from '../../../src/model/index.ts'
import { type Asked, held, outcome } from './held.ts'

const bind = { 'path.id': 'order_id', 'body.amount': 'amount' }
const refund = held('POST /orders/{id}/refunds', { bind, times: 1 }, 'critical')
const loose = held('POST /orders', { bind: { 'body.amount': 'amount' } })
const path = '/orders/17/refunds'
const call = { order_id: 17, amount: 42 }
const mismatch = 'call_parameter_mismatch bind.body.amount'

const refunded = (asked: Asked, args: JsonObject = call) => outcome({ path, ...asked }, refund, args)
const posted = (asked: Asked, amount: Json | undefined) =>
  outcome(asked, loose, amount === undefined ? {} : { amount })

describe('a JSON body', () => {
  it('is sent as it was read', () => {
    expect(refunded({ json: ' { "amount" : 42.0 } ' })).toEqual({
      url: path,
      body: '{"amount":42}',
      type: 'application/json',
    })
  })

  it.each<[string, Json]>([
    ['"42"', '42'],
    ['4.2e1', 42],
    ['"\\u0034\\u0032"', '42'],
    ['true', true],
    ['null', null],
    ['[1,{"a":2,"b":3}]', [1, { b: 3, a: 2 }]],
    ['{"a":{"b":[]}}', { a: { b: [] } }],
    ['-0', 0],
  ])('passes %s for %j', (amount, wanted) => {
    expect(refunded({ json: `{"amount":${amount}}` }, { order_id: 17, amount: wanted })).toMatchObject({
      body: JSON.stringify({ amount: JSON.parse(amount) }),
    })
  })

  it.each<[string, Json]>([
    ['"42"', 42],
    ['42', '42'],
    ['43', 42],
    ['42.000001', 42],
    ['[42]', 42],
    ['{"value":42}', 42],
    ['"４２"', '42'],
    ['"42 "', '42'],
    ['"42\\u0000"', '42'],
    ['"e\\u0301"', 'é'],
    ['null', 42],
    ['0', false],
    ['0', null],
    ['""', null],
    ['[1,2,3]', [1, 2]],
    ['[2,1]', [1, 2]],
    ['{"0":1}', [1]],
    ['[]', {}],
    ['{"a":1,"b":2}', { a: 1 }],
    ['{"a":1}', { a: 1, b: null }],
    ['{"b":1}', { a: 1 }],
  ])('refuses %s for %j', (amount, wanted) => {
    expect(refunded({ json: `{"amount":${amount}}` }, { order_id: 17, amount: wanted })).toBe(mismatch)
  })

  it.each<[string, string]>([
    ['{"amount":42,"amount":4200}', 'json_ambiguous'],
    ['{"amount":4200,"\\u0061mount":42}', 'json_ambiguous'],
    ['{"amount":42,"__proto__":{"amount":1}}', 'json_ambiguous'],
    ['\ufeff{"amount":42}', 'json_malformed'],
    ['{"amount":42}\0', 'json_malformed'],
    ['{"amount":42}{"amount":1}', 'json_malformed'],
    ['{"amount":42,}', 'json_malformed'],
    ['{amount:42}', 'json_malformed'],
    ['{"amount":NaN}', 'json_malformed'],
    ['{"amount":42,"currency":"KWD"}', 'call_field_unbound rest'],
    ['{"amount":42,"Amount":4200}', 'call_field_unbound rest'],
    ['{"amount":42,"":1}', 'call_field_unbound rest'],
    ['{}', mismatch],
    ['[{"amount":42}]', mismatch],
    ['[42]', mismatch],
    ['42', mismatch],
    ['null', mismatch],
    ['"amount"', mismatch],
  ])('refuses %s', (json, code) => {
    expect(refunded({ json })).toBe(code)
  })

  it('has not what the call has not', () => {
    const { amount: _, ...without } = call
    expect(refunded({ json: '{"amount":42}' }, without)).toBe(mismatch)
    expect(refunded({ json: '{"amount":null}' }, without)).toBe(mismatch)
    expect(refunded({ json: '{}' }, without)).toMatchObject({ body: '{}' })
    expect(refunded({ json: '[]' }, without)).toBe(mismatch)
    const inherited = held('POST /orders', { bind: { 'body.toString': 'constructor' } })
    expect(outcome({ json: '{}' }, inherited, {})).toMatchObject({ body: '{}' })
  })

  it('may have more where the rest is not refused, but nothing that looks like what is bound', () => {
    expect(posted({ json: '{"amount":1,"note":[1]}' }, 1)).toMatchObject({ body: '{"amount":1,"note":[1]}' })
    for (const name of [
      'Amount',
      'AMOUNT',
      ' amount',
      'amount ',
      'amount []',
      'amount[]',
      'amount[x]',
      'ａmount',
      'amount\\u0000x',
    ])
      expect(posted({ json: `{"amount":1,"${name}":2}` }, 1)).toBe('call_field_unbound bind')
    const mended = held('POST /orders', { bind: { 'body.unit_price': 'price' } })
    for (const name of ['unit.price', 'unit price', 'unit-price', 'Unit_Price'])
      expect(outcome({ json: `{"unit_price":1,"${name}":2}` }, mended, { price: 1 })).toBe(
        'call_field_unbound bind',
      )
    // The long s and the Kelvin sign, which Go folds.
    const use = held('POST /orders', { bind: { 'body.tasks': 'tasks' } })
    expect(outcome({ json: '{"tasks":1,"ta\u017fks":2}' }, use, { tasks: 1 })).toBe('call_field_unbound bind')
    expect(outcome({ json: '{"tasks":1,"tas\u212as":2}' }, use, { tasks: 1 })).toBe('call_field_unbound bind')
  })

  it('may not say in the query what is bound in the body', () => {
    expect(posted({ json: '{"amount":1}', query: '?amount=2' }, 1)).toBe('call_field_unbound bind')
    expect(posted({ json: '{"amount":1}', query: '?Amount[]=2' }, 1)).toBe('call_field_unbound bind')
    expect(posted({ json: '{"amount":1}', query: '?page=2' }, 1)).toMatchObject({ url: '/orders?page=2' })
  })
})

describe('a part deep in a JSON body', () => {
  const use = (rest?: 'refuse') =>
    held('POST /orders', {
      bind: { 'body/lines/0/price': 'price', 'body/to/a~1b': 'to' },
      free: ['body/to/note'],
      ...(rest === undefined ? {} : { rest }),
    })

  it('is found by its pointer', () => {
    const json = '{"lines":[{"price":5}],"to":{"a/b":"x","note":{"any":"thing"}}}'
    for (const one of [use(), use('refuse')])
      expect(outcome({ json }, one, { price: 5, to: 'x' })).toMatchObject({ body: json })
  })

  it.each([
    ['{"lines":[{"price":5,"tax":1}],"to":{"a/b":"x"}}', 'call_field_unbound rest'],
    ['{"lines":[{"price":5},{"price":500}],"to":{"a/b":"x"}}', 'call_field_unbound rest'],
    ['{"lines":[{"price":5}],"to":{"a/b":"x","c":1}}', 'call_field_unbound rest'],
    ['{"lines":[{"price":5}],"to":{"a/b":"x"},"extra":1}', 'call_field_unbound rest'],
    ['{"lines":[{"price":5}],"to":{"a/b":"y"}}', 'call_parameter_mismatch bind.body/to/a~1b'],
    ['{"lines":{"0":{"price":6}},"to":{"a/b":"x"}}', 'call_parameter_mismatch bind.body/lines/0/price'],
    ['{"lines":[],"to":{"a/b":"x"}}', 'call_parameter_mismatch bind.body/lines/0/price'],
    ['{"lines":[[5]],"to":{"a/b":"x"}}', 'call_parameter_mismatch bind.body/lines/0/price'],
    ['{"lines":null,"to":{"a/b":"x"}}', 'call_parameter_mismatch bind.body/lines/0/price'],
    ['{"lines":[{"price":5}]}', 'call_parameter_mismatch bind.body/to/a~1b'],
  ])('refuses %s where the rest is refused', (json, code) => {
    expect(outcome({ json }, use('refuse'), { price: 5, to: 'x' })).toBe(code)
  })

  it('has no look-alike on its way', () => {
    const to = '"to":{"a/b":"x"}'
    const sent = (json: string) => outcome({ json }, use(), { price: 5, to: 'x' })
    expect(sent(`{"lines":[{"price":5}],${to},"Lines":[{"price":9}]}`)).toBe('call_field_unbound bind')
    expect(sent(`{"lines":[{"price":5,"Price":9}],${to}}`)).toBe('call_field_unbound bind')
    expect(sent(`{"lines":[{"price":5}],${to},"more":1}`)).toMatchObject({ url: '/orders' })
  })

  it('is not looked for where the way leads into a scalar', () => {
    const one = held('POST /orders', { bind: { 'body/a/b': 'x' }, rest: 'refuse' })
    expect(outcome({ json: '{"a":5}' }, one, {})).toBe('call_parameter_mismatch bind.body/a/b')
    expect(outcome({ json: '{"a":{}}' }, one, {})).toMatchObject({ body: '{"a":{}}' })
    expect(outcome({ json: '{"a":{"c":1}}' }, one, {})).toBe('call_field_unbound rest')
    const free = held('POST /orders', { free: ['body/a/b'], rest: 'refuse' })
    expect(outcome({ json: '{"a":{"b":[5]}}' }, free, {})).toMatchObject({ body: '{"a":{"b":[5]}}' })
    expect(outcome({ json: '{"a":5}' }, free, {})).toBe('call_field_unbound rest')
  })
})

describe('a form', () => {
  it('is sent as it was read', () => {
    expect(refunded({ form: 'amount=4%32' })).toEqual({
      url: path,
      body: 'amount=42',
      type: 'application/x-www-form-urlencoded',
    })
    expect(posted({ form: 'note=a+b%26c&amount=é' }, 'é')).toMatchObject({
      body: 'note=a%20b%26c&amount=%C3%A9',
    })
  })

  it.each<[string, Json | undefined, string]>([
    ['amount=43', 42, mismatch],
    ['amount=42&amount=43', 42, mismatch],
    ['amount=43&amoun%74=42', 42, mismatch],
    ['amount=42%00', 42, mismatch],
    ['amount=42\n', 42, mismatch],
    ['amount=%EF%BC%94%EF%BC%92', 42, mismatch],
    ['amount=a+b', 'a+b', mismatch],
    ['amount=1', [1], mismatch],
    ['amount=', null, mismatch],
    ['amount=42', undefined, mismatch],
    ['', 42, mismatch],
    ['\ufeffamount=42', 42, 'call_field_unbound bind'],
    ['amount=42&amount[]=43', 42, 'call_field_unbound bind'],
    ['amount=42;amount=43', 42, 'call_field_unbound bind'],
    ['amount=%ff', 'ÿ', 'call_parameter_mismatch'],
    ['amount=%', '%', 'call_parameter_mismatch'],
  ])('refuses %j for %j', (form, amount, code) => {
    expect(posted({ form }, amount)).toBe(code)
  })

  it('has no field beside what is named where the rest is refused', () => {
    expect(refunded({ form: 'amount=42&currency=KWD' })).toBe('call_field_unbound rest')
  })

  it('has no names that are bound in the query', () => {
    const use = held('POST /orders', { bind: { 'query.q': 'q', 'body.x': 'x' } })
    expect(outcome({ query: '?q=1', form: 'x=2&q=3' }, use, { q: 1, x: 2 })).toBe('call_field_unbound bind')
  })

  it('cannot be compared where a part lies deeper than a name', () => {
    const use = held('POST /orders', { bind: { 'body/a/b': 'x' } })
    expect(outcome({ form: 'a[b]=1' }, use, {})).toBe('call_body_unreadable')
  })
})

describe('a body that cannot be compared', () => {
  const json = '{"amount":42}'

  it.each<[string, Asked]>([
    ['packed', { json, head: ['content-encoding', 'gzip'] }],
    ['packed, as CGI reads it', { json, head: ['content_encoding', 'gzip'] }],
    ['of no type', { bytes: json }],
    ['text', { bytes: json, head: ['content-type', 'text/json'] }],
    ['multipart', { bytes: json, head: ['content-type', 'multipart/form-data; boundary=x'] }],
    ['two types', { bytes: json, head: ['content-type', 'application/json, text/plain'] }],
    ['a lookalike type', { bytes: json, head: ['content-type', 'application/json+xml'] }],
    ['in UTF-16', { bytes: json, head: ['content-type', 'application/json; charset=utf-16'] }],
    [
      'a form in Latin-1',
      {
        bytes: 'amount=42',
        head: ['content-type', 'application/x-www-form-urlencoded; charset="ISO-8859-1"'],
      },
    ],
    ['not UTF-8', { bytes: Uint8Array.of(0x22, 0xff, 0x22), head: ['content-type', 'application/json'] }],
    ['too long', { json: JSON.stringify({ amount: 'x'.repeat(65_536) }) }],
    ['a stream', { streams: true, head: ['content-type', 'application/json'] }],
  ])('is refused: %s', (_, asked) => {
    expect(posted(asked, 42)).toBe('call_body_unreadable')
  })

  it('is said to be what it is', () => {
    const sent = (type: string) => posted({ bytes: json, head: ['content-type', type] }, 42)
    expect(sent('Application/JSON; charset="UTF-8"')).toMatchObject({ type: 'application/json' })
    expect(sent('application/merge-patch+json;x=y')).toMatchObject({ type: 'application/merge-patch+json' })
  })

  it('takes nothing along that was said of other bytes', () => {
    const head = [
      'content_type',
      'text/plain',
      'Content-MD5',
      'x',
      'digest',
      'y',
      'content-encoding',
      'identity',
    ]
    const use = loose
    expect(outcome({ json, head }, use, { amount: 42 })).toMatchObject({ body: json })
  })
})

describe('no body', () => {
  it('is no field, so it fits a call without the parameter', () => {
    expect(posted({}, undefined)).toEqual({ url: '/orders' })
    expect(posted({}, 42)).toBe(mismatch)
  })

  it('is all that may come where nothing of one is named and the rest is refused', () => {
    const use = held('DELETE /orders/{id}', {}, 'critical')
    const asked = { path: '/orders/1' }
    expect(outcome(asked, use, { id: 1 })).toEqual({ url: '/orders/1' })
    for (const body of [{ bytes: 'x' }, { json: '{}' }, { form: 'a=1' }, { streams: true }])
      expect(outcome({ ...asked, ...body }, use, { id: 1 })).toBe('call_field_unbound rest')
    const read = held('GET /orders/{id}', { rest: 'refuse' })
    expect(outcome({ ...asked, json: '{"id":2}' }, read, {})).toBe('call_field_unbound rest')
  })
})
