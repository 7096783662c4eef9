import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readChallenge } from '../../src/exchange/index.ts'

const metadata = 'https://mcp.example/.well-known/oauth-protected-resource'

describe('a challenge says', () => {
  it.each<[string, string, object]>([
    ['all of it', `Bearer resource_metadata="${metadata}", scope="a b"`, { metadata, scopes: ['a', 'b'] }],
    ['it without quotes', 'Bearer error=insufficient_scope', { error: 'insufficient_scope' }],
    ['it in any case and spacing', 'bearer  SCOPE = "a"  ,  Error = "x"', { error: 'x', scopes: ['a'] }],
    ['it behind another scheme', 'Basic realm="x, y", Bearer scope="a"', { scopes: ['a'] }],
    ['it behind a token of another scheme', 'Negotiate abc==, Bearer scope="a"', { scopes: ['a'] }],
    ['it before another scheme', 'Bearer scope="a", DPoP scope="b"', { scopes: ['a'] }],
    ['a quote in a quote', 'Bearer realm="a \\" scope=\\"x\\"", error="e"', { error: 'e' }],
    ['what it said first', 'Bearer scope="a", scope="b"', { scopes: ['a'] }],
    ['a scope once', 'Bearer scope="a  b a"', { scopes: ['a', 'b'] }],
    ['nothing', '', {}],
    ['nothing of a bearer', 'Basic realm="x", scope="a"', {}],
    ['no scopes where they are empty', 'Bearer scope=" "', {}],
    ['no scopes where they are none (RFC 6749 §3.3)', 'Bearer scope="a \u00e9", error="e"', { error: 'e' }],
    [
      'no scopes where nobody could read them all',
      `Bearer scope="${'x'.repeat(3)} ${Array.from({ length: 50 }, (_, at) => `s${at}`).join(' ')}"`,
      {},
    ],
  ])('%s', (_, header, said) => {
    expect(readChallenge(header)).toEqual(said)
  })

  it('the same whatever schemes stand around it', () => {
    const scheme = fc.constantFrom(
      'Basic realm="x"',
      'Digest qop="auth, y", nonce="z"',
      'Negotiate',
      'DPoP a=b',
    )
    const scope = fc.stringMatching(/^[!#-[\]-~]{1,20}$/)
    fc.assert(
      fc.property(
        fc.array(scheme),
        fc.array(scheme),
        fc.uniqueArray(scope, { minLength: 1 }),
        (before, after, own) => {
          const header = [...before, `Bearer scope="${own.join(' ')}"`, ...after].join(', ')
          expect(readChallenge(header)).toEqual({ scopes: own })
        },
      ),
    )
  })

  it('something of any text in linear time', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (header) => void readChallenge(header)))
    const long = `Bearer ${'a="\\'.repeat(20_000)}`
    const begun = performance.now()
    readChallenge(long)
    expect(performance.now() - begun).toBeLessThan(1000)
  })
})
