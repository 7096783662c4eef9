import { describe, expect, it } from 'vitest'
import type { Json } from '../../../src/model/index.ts'
import { held, outcome } from './held.ts'

const ofOrder = held('PUT /orders/{id}')
const ofQuery = held('GET /orders', { bind: { 'query.q': 'q' } })
const mismatch = 'call_parameter_mismatch bind.path.id'

describe('a bound path parameter', () => {
  it.each<[string, Json, string]>([
    ['/orders/17', '17', '/orders/17'],
    ['/orders/17', 17, '/orders/17'],
    ['/orders/0.5', 0.5, '/orders/0.5'],
    ['/orders/true', true, '/orders/true'],
    ['/orders/a%20b', 'a b', '/orders/a%20b'],
    ['/orders/a+b', 'a+b', '/orders/a%2Bb'],
    ['/orders/a:b@c', 'a:b@c', '/orders/a%3Ab%40c'],
    ['/orders/%C3%A9', 'é', '/orders/%C3%A9'],
    ['/orders/%EF%BC%94%EF%BC%92', '４２', '/orders/%EF%BC%94%EF%BC%92'],
  ])('passes %s for %j', (path, id, sent) => {
    expect(outcome({ path }, ofOrder, { id })).toEqual({ url: sent })
  })

  it.each<[string, Json | undefined]>([
    ['/orders/18', '17'],
    ['/orders/017', 17],
    ['/orders/17.0', 17],
    ['/orders/1e1', 10],
    ['/orders/42', '４２'],
    ['/orders/%EF%BC%94%EF%BC%92', 42],
    ['/orders/17%20', '17'],
    ['/orders/A', 'a'],
    ['/orders/e%CC%81', 'é'],
    ['/orders/null', null],
    ['/orders/1', ['1']],
    ['/orders/%5Bobject%20Object%5D', {}],
    ['/orders/undefined', undefined],
    ['/orders/17', undefined],
    // These do not come so far: nothing matches them.
    ['/orders/1%2F7', '1/7'],
    ['/orders/17%00', '17'],
    ['/orders/17/', '17'],
  ])('refuses %s for %j', (path, id) => {
    const code = outcome({ path }, ofOrder, id === undefined ? {} : { id })
    expect(code).toMatch(/^call_parameter_mismatch/)
  })

  it('is another’s where it is bound to another, found by a pointer', () => {
    const use = held('PUT /orders/{id}', { bind: { 'path.id': '/order/ids/1' } })
    expect(outcome({ path: '/orders/b' }, use, { order: { ids: ['a', 'b'] } })).toEqual({ url: '/orders/b' })
    for (const call of [{ order: { ids: ['a'] } }, { order: 'b' }, { order: { ids: { '1': 'c' } } }, {}]) {
      expect(outcome({ path: '/orders/b' }, use, call)).toBe(mismatch)
    }
  })

  it('is not found in what every object inherits', () => {
    const use = held('PUT /orders/{id}', { bind: { 'path.id': 'constructor' } })
    expect(outcome({ path: '/orders/1' }, use, {})).toBe(mismatch)
    expect(
      outcome(
        { path: '/orders/1' },
        held('PUT /orders/{id}', { bind: { 'path.id': '/constructor/name' } }),
        {},
      ),
    ).toBe(mismatch)
  })

  it('may be anything where it is free', () => {
    const use = held('PUT /orders/{id}', { free: ['path.id'] })
    expect(outcome({ path: '/orders/anything' }, use, { id: '17' })).toEqual({ url: '/orders/anything' })
  })

  it('is compared whole where it is the rest of the path', () => {
    const use = held('PUT /files/{path...}')
    expect(outcome({ path: '/files/a/b%20c' }, use, { path: 'a/b c' })).toEqual({ url: '/files/a/b%20c' })
    expect(outcome({ path: '/files/a/b/' }, use, { path: 'a/b/' })).toEqual({ url: '/files/a/b/' })
    for (const path of ['/files/a', '/files/a/b/', '/files/a/b/c', '/files/b/a'])
      expect(outcome({ path }, use, { path: 'a/b' })).toMatch(/^call_parameter_mismatch/)
  })

  it('leaves the template’s own signs as they are', () => {
    const use = held('POST /v1/orders:batch/{id}')
    expect(outcome({ path: '/v1/orders%3Abatch/1' }, use, { id: '1' })).toEqual({ url: '/v1/orders:batch/1' })
  })
})

describe('a bound query parameter', () => {
  it.each<[string, Json, string]>([
    ['?q=a', 'a', '?q=a'],
    ['?q=5', 5, '?q=5'],
    ['?q=false', false, '?q=false'],
    ['?q=a+b', 'a b', '?q=a%20b'],
    ['?q=a%20b', 'a b', '?q=a%20b'],
    ['?q=a%2Bb', 'a+b', '?q=a%2Bb'],
    ['?q=a%3Bb', 'a;b', '?q=a%3Bb'],
    ['?%71=a', 'a', '?q=a'],
    ['?q=a=b', 'a=b', '?q=a%3Db'],
    ['?q=', '', '?q='],
    ['?q', '', '?q='],
    ['?q=a&page=2&page=3', 'a', '?q=a&page=2&page=3'],
    ['?&q=a&&', 'a', '?q=a'],
    ['?q=%00', '\0', '?q=%00'],
  ])('passes %s for %j', (query, q, sent) => {
    expect(outcome({ query }, ofQuery, { q })).toEqual({ url: `/orders${sent}` })
  })

  it.each<[string, Json | undefined, string]>([
    ['?q=b', 'a', 'call_parameter_mismatch bind.query.q'],
    ['?q=a+b', 'a+b', 'call_parameter_mismatch bind.query.q'],
    ['?q=a&q=a', 'a', 'call_parameter_mismatch bind.query.q'],
    ['?q=a&q=b', 'a', 'call_parameter_mismatch bind.query.q'],
    ['?q=b&%71=a', 'a', 'call_parameter_mismatch bind.query.q'],
    ['', 'a', 'call_parameter_mismatch bind.query.q'],
    ['?q=a', undefined, 'call_parameter_mismatch bind.query.q'],
    ['?q=a%00', 'a', 'call_parameter_mismatch bind.query.q'],
    ['?q=1', ['1'], 'call_parameter_mismatch bind.query.q'],
    ['?q=%EF%BC%91', 1, 'call_parameter_mismatch bind.query.q'],
    ['?q=a;q=b', 'a;q=b', 'call_field_unbound bind'],
    ['?q=a&x=1;q=b', 'a', 'call_field_unbound bind'],
    ['?q=%zz', '%zz', 'call_parameter_mismatch'],
    ['?q=%C0%AF', '/', 'call_parameter_mismatch'],
    ['?q=a&%ff=1', 'a', 'call_parameter_mismatch'],
    // What some reader takes for the same name.
    ['?q=a&Q=b', 'a', 'call_field_unbound bind'],
    ['?q=a&q[]=b', 'a', 'call_field_unbound bind'],
    ['?q=a&q%5B0%5D=b', 'a', 'call_field_unbound bind'],
    ['?q=a&%20q=b', 'a', 'call_field_unbound bind'],
    ['?q=a&q%00x=b', 'a', 'call_field_unbound bind'],
    ['?q=a&%EF%BD%91=b', 'a', 'call_field_unbound bind'],
  ])('refuses %s for %j', (query, q, code) => {
    expect(outcome({ query }, ofQuery, q === undefined ? {} : { q })).toBe(code)
  })

  it('is absent where the call has none', () => {
    expect(outcome({ query: '?page=2' }, ofQuery, {})).toEqual({ url: '/orders?page=2' })
    expect(outcome({ query: '?' }, ofQuery, {})).toEqual({ url: '/orders' })
  })

  it('leaves no other beside it where the rest is refused', () => {
    const use = held('GET /orders', { bind: { 'query.q': 'q' }, free: ['query.page'], rest: 'refuse' })
    expect(outcome({ query: '?page=x&q=a&page=y' }, use, { q: 'a' })).toEqual({
      url: '/orders?page=x&q=a&page=y',
    })
    for (const query of ['?q=a&sort=up', '?q=a&sort', '?q=a&Page=1', '?q=a&page[]=1', '?q=a;', '?q=a&='])
      expect(outcome({ query }, use, { q: 'a' })).toBe('call_field_unbound rest')
  })

  it('may have a look-alike that is named itself', () => {
    const use = held('GET /orders', { bind: { 'query.q': 'q', 'query.Q': 'big' } })
    expect(outcome({ query: '?q=a&Q=b' }, use, { q: 'a', big: 'b' })).toEqual({ url: '/orders?q=a&Q=b' })
  })
})

describe('what nothing is bound in', () => {
  it('passes as it is', () => {
    const asked = { path: '/orders/a@b', query: '?x=1;y=2&&x=%zz', bytes: 'anything', head: ['x-a', 'b'] }
    const use = held('GET /orders/{id}')
    expect(outcome(asked, use, {})).toMatchObject({ url: '/orders/a@b?x=1;y=2&&x=%zz', body: 'anything' })
  })

  it('is the whole request where unbound is said', () => {
    const use = held('DELETE /orders/{id}', { unbound: true }, 'critical')
    expect(outcome({ path: '/orders/9', query: '?a;b', bytes: 'x' }, use, { id: 1 })).toMatchObject({
      url: '/orders/9?a;b',
      body: 'x',
    })
  })

  it('is the body of a write whose path is bound', () => {
    expect(outcome({ path: '/orders/1', bytes: '{"a":1,"a":2}' }, ofOrder, { id: 1 })).toMatchObject({
      url: '/orders/1',
      body: '{"a":1,"a":2}',
    })
  })
})
