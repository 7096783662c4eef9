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

describe('a URL of the egress itself', () => {
  it.each(['http://127.0.0.1:9180/downstream/bank/transfers', '//127.0.0.1:9180/x', 'http://127.0.0.1:9180'])(
    'is left out, since it would bring the caller to another downstream with its token: %s',
    (value) => {
      const asked = { ...vantage(''), asked: 'http://orders.example/orders/1' }
      expect(rewriteHeader('location', value, asked)).toBeUndefined()
      expect(rewriteHeader('content-location', value, asked)).toBeUndefined()
      expect(rewriteHeader('link', `<${value}>; rel=next`, asked)).toBe(
        '<http://127.0.0.1:9180/elsewhere>; rel=next',
      )
    },
  )
})

describe('Link (RFC 8288)', () => {
  it('brings each target to the egress and leaves parameters alone', () => {
    expect(
      rewriteHeader(
        'link',
        '<https://orders.example/orders?page=2>; rel="next"; title="a \\"<b>\\" c", <3>; rel=x',
        vantage(''),
      ),
    ).toBe(
      '<http://127.0.0.1:9180/downstream/orders/orders?page=2>; rel="next"; title="a \\"<b>\\" c", <http://127.0.0.1:9180/downstream/orders/orders/3>; rel=x',
    )
  })

  it.each([
    '<https://evil.example/x>; rel="next"',
    '<//evil.example/x>; rel="next"',
    '< https://evil.example/x >; rel="next"',
    '<https://orders.example@evil.example/x>; rel="next"',
    '<https://user:pw@orders.example/x>; rel="next"',
    '<https://orders.example:8443/x>; rel="next"',
    '<http://orders.example/x>; rel="next"',
    '\\<https://evil.example/x>; rel="next"',
    '<urn:x>; title="<https://evil.example/x>; rel="next"',
  ])('lets nobody go elsewhere by it: %s', (value) => {
    const got = rewriteHeader('link', value, vantage(''))
    expect(got).toContain('<http://127.0.0.1:9180/elsewhere>; rel="next"')
    expect(got).not.toMatch(/evil|orders\.example/)
  })

  it('lets nobody go to what lies beside the base path', () => {
    expect(rewriteHeader('link', '</login>; rel="next"', vantage('/api'))).toBe(
      '<http://127.0.0.1:9180/elsewhere>; rel="next"',
    )
  })

  it('leaves out what can be read in more ways than one, and passes what is no URL to go to', () => {
    for (const value of ['<unclosed', 'unopened>', '<a<https://evil.example/>; rel="next"', '<<x>>'])
      expect(rewriteHeader('link', value, vantage(''))).toBeUndefined()
    expect(rewriteHeader('link', '<urn:a:b>; rel="type"', vantage(''))).toBe('<urn:a:b>; rel="type"')
  })
})
