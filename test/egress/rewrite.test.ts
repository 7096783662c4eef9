import { describe, expect, it } from 'vitest'
import { rewriteHeader } from '../../src/egress/rewrite.ts'
import type { Downstream } from '../../src/model/index.ts'

const vantage = (basePath: string) => ({
  downstream: { name: 'orders', origin: 'https://orders.example', basePath } as Downstream,
  egress: 'http://127.0.0.1:9180',
  asked: `https://orders.example${basePath}/orders/1?x=1`,
})

describe('Location and Content-Location', () => {
  it.each([
    ['https://evil.example/x', 'https://evil.example/x'],
    ['http://orders.example/x', 'http://orders.example/x'],
    ['https://orders.example:8443/x', 'https://orders.example:8443/x'],
    ['https://user:pw@orders.example/x', 'https://user:pw@orders.example/x'],
    ['https://orders.example@evil.example/x', 'https://orders.example@evil.example/x'],
    ['//evil.example/x', '//evil.example/x'],
    ['javascript:alert(1)', 'javascript:alert(1)'],
  ])('passes %j, which is elsewhere', (from, to) => {
    expect(rewriteHeader('location', from, vantage(''))).toBe(to)
  })

  it.each([
    ['https://orders.example/orders/2?y=1#z', 'http://127.0.0.1:9180/downstream/orders/orders/2?y=1#z'],
    ['HTTPS://ORDERS.example:443/orders/2', 'http://127.0.0.1:9180/downstream/orders/orders/2'],
    ['//orders.example/orders/2', 'http://127.0.0.1:9180/downstream/orders/orders/2'],
    ['/orders/2', 'http://127.0.0.1:9180/downstream/orders/orders/2'],
    ['2', 'http://127.0.0.1:9180/downstream/orders/orders/2'],
    ['?page=2', 'http://127.0.0.1:9180/downstream/orders/orders/1?page=2'],
  ])('brings %j to the egress as %j', (from, to) => {
    expect(rewriteHeader('location', from, vantage(''))).toBe(to)
  })

  it('takes the base path off, and names plainly what lies beside it', () => {
    expect(rewriteHeader('location', '/api/orders/2', vantage('/api'))).toBe(
      'http://127.0.0.1:9180/downstream/orders/orders/2',
    )
    expect(rewriteHeader('location', '/apiary', vantage('/api'))).toBe('https://orders.example/apiary')
    expect(rewriteHeader('location', '/login', vantage('/api'))).toBe('https://orders.example/login')
  })
})

describe('Link (RFC 8288)', () => {
  it('brings each target to the egress and leaves parameters alone', () => {
    expect(
      rewriteHeader(
        'link',
        '<https://orders.example/orders?page=2>; rel="next"; title="a \\"<https://orders.example/>\\" b", <https://evil.example/>; rel=x',
        vantage(''),
      ),
    ).toBe(
      '<http://127.0.0.1:9180/downstream/orders/orders?page=2>; rel="next"; title="a \\"<https://orders.example/>\\" b", <https://evil.example/>; rel=x',
    )
  })

  it('passes what is no link', () => {
    expect(rewriteHeader('link', '<unclosed', vantage(''))).toBe('<unclosed')
  })
})
