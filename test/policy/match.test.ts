import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePolicy, parseTemplate } from '../../src/policy/index.ts'
import { downstream, operation } from './facts.ts'

function matcher(...templates: string[]) {
  const it = downstream(
    'orders',
    templates.map((text) => operation(text, 'read')),
  )
  const policy = compilePolicy({ tenant: 'acme', version: 'v', servers: [], downstreams: [it] })
  return (method: string, path: string) => policy.match(it, method, path)?.id
}

describe('paths that match nothing', () => {
  const match = matcher('GET /orders/{id}', 'GET /files/{path...}', 'GET /a/b')

  it.each([
    ['another method', 'POST', '/orders/1'],
    ['HEAD where only GET is configured', 'HEAD', '/orders/1'],
    ['a method in lower case', 'get', '/orders/1'],
    ['an empty parameter', 'GET', '/orders/'],
    ['a segment too many', 'GET', '/orders/1/2'],
    ['a segment too few', 'GET', '/orders'],
    ['no leading slash', 'GET', 'orders/1'],
    ['an encoded slash in a parameter', 'GET', '/orders/1%2F2'],
    ['an encoded slash in the rest', 'GET', '/files/a%2fb'],
    ['a doubly encoded slash', 'GET', '/orders/1%252F2'],
    ['an encoded backslash', 'GET', '/orders/1%5c2'],
    ['a backslash', 'GET', '/orders/1\\2'],
    ['dot segments', 'GET', '/files/../orders'],
    ['encoded dot segments', 'GET', '/files/%2e%2e/x'],
    ['dot segments with a path parameter', 'GET', '/files/..;/x'],
    ['an empty segment in the middle', 'GET', '/files//x'],
    ['an empty segment within the rest', 'GET', '/files/a//b'],
    ['malformed encoding', 'GET', '/orders/%zz'],
    ['encoding that is no UTF-8', 'GET', '/orders/%ff'],
    ['an encoded NUL', 'GET', '/orders/%00'],
    ['a query', 'GET', '/orders/1?x=1'],
    ['an encoded question mark', 'GET', '/orders/1%3Fx'],
    ['a rest of nothing', 'GET', '/files/'],
    ['another case', 'GET', '/Orders/1'],
  ])('is not matched: %s', (_, method, path) => {
    expect(match(method, path)).toBeUndefined()
  })
})

describe('which template wins', () => {
  it.each([
    [
      'a literal before a parameter',
      ['GET /orders/{id}', 'GET /orders/open'],
      '/orders/open',
      'GET /orders/open',
    ],
    [
      'more literals before literals further left',
      ['GET /a/{x}/{y}', 'GET /{z}/b/c'],
      '/a/b/c',
      'GET /{z}/b/c',
    ],
    ['literals further left before others', ['GET /{y}/b', 'GET /a/{x}'], '/a/b', 'GET /a/{x}'],
    ['one segment before the rest', ['GET /a/{x...}', 'GET /a/{x}'], '/a/b', 'GET /a/{x}'],
    ['the rest where nothing else fits', ['GET /a/{x...}', 'GET /a/{x}'], '/a/b/c/d/e', 'GET /a/{x...}'],
    [
      'the longer literal start before the shorter',
      ['GET /{all...}', 'GET /a/{x...}'],
      '/a/b',
      'GET /a/{x...}',
    ],
    ['the rest with a trailing slash', ['GET /a/{x...}'], '/a/b/', 'GET /a/{x...}'],
    ['the root', ['GET /'], '/', 'GET /'],
    ['a literal that was encoded without need', ['GET /orders'], '/%6Frders', 'GET /orders'],
    ['a parameter of encoded text', ['GET /orders/{id}'], '/orders/a%20b%C3%A9', 'GET /orders/{id}'],
  ])('%s', (_, templates, path, expected) => {
    expect(matcher(...templates)('GET', path)).toBe(expected)
    expect(matcher(...[...templates].reverse())('GET', path)).toBe(expected)
  })
})

describe('templates', () => {
  it.each([
    'orders',
    '/a//b',
    '/a/../b',
    '/a/{x}/{x}',
    '/a/{x...}/b',
    '/a/x{y}',
    '/a/{}',
    '/a/%2F',
    '/a?b',
    '/a b',
    '/a\\b',
  ])('refuses %s and says why', (path) => {
    expect(parseTemplate(path)).toBeTypeOf('string')
  })
})

describe('properties of matching', () => {
  const anyText = fc.array(fc.nat(0xffff), { maxLength: 40 }).map((units) => String.fromCharCode(...units))
  const word = fc.constantFrom('a', 'b', 'c', 'orders')
  const segment = fc.oneof(word, fc.constantFrom('{x}', '{y}'))
  const template = fc.uniqueArray(segment, { maxLength: 4 }).map((segments) => `GET /${segments.join('/')}`)

  it('never throws, whatever the path', () => {
    const match = matcher('GET /{a}', 'GET /x/{rest...}')
    fc.assert(fc.property(anyText, (path) => void match('GET', `/${path}`)))
  })

  it('does not depend on the order of the operations', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(template, { maxLength: 6 }),
        fc.array(word, { maxLength: 4 }),
        (templates, path) => {
          const shapes = new Set(templates.map((text) => text.replaceAll(/\{[xy]\}/g, '{}')))
          fc.pre(shapes.size === templates.length)
          const text = `/${path.join('/')}`
          expect(matcher(...templates)('GET', text)).toBe(matcher(...[...templates].reverse())('GET', text))
        },
      ),
    )
  })

  it('gives one segment to one parameter: what is matched never holds a slash', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const found = matcher('GET /a/{x}')('GET', `/a/${encodeURIComponent(text.toWellFormed())}`)
        if (/[/\\]/.test(text) || text === '') expect(found).toBeUndefined()
      }),
    )
  })
})
