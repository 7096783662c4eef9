import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SallyportError } from '../../src/model/index.ts'
import { answerUrl } from '../../src/signin/authorize/answer.ts'
import { isDocumentUrl, readDocument } from '../../src/signin/clients/document.ts'
import { createKnown } from '../../src/signin/clients/known.ts'
import { isExclusive, isLoopback, isRedirect, sameRedirect } from '../../src/signin/clients/redirects.ts'

const host = fc.constantFrom('127.0.0.1', '[::1]', 'localhost', 'app.example', 'evil.example', '10.0.0.1')
const path = fc.constantFrom(
  '',
  '/',
  '/cb',
  '/cb/',
  '/CB',
  '/a/../cb',
  '//cb',
  '/cb:80',
  '/cb?x=1',
  '?x',
  '\\cb',
  '@evil.example/',
)
const uri = fc
  .tuple(
    fc.constantFrom('https://', 'http://', 'https:', 'cursor://', 'javascript:', '//', 'HTTPS://'),
    fc.constantFrom('', 'user@', ':@'),
    host,
    fc.option(fc.nat({ max: 99_999 })),
    path,
  )
  .map(
    ([scheme, user, name, port, rest]) => `${scheme}${user}${name}${port === null ? '' : `:${port}`}${rest}`,
  )
/** One that was taken, or anything at all. */
const texts = fc.oneof(uri, fc.webUrl({ withQueryParameters: true }), fc.string({ maxLength: 60 }))
const taken = fc.oneof(uri, fc.webUrl({ withQueryParameters: true })).filter(isRedirect)

describe('redirect URIs', () => {
  it('that are taken are one place to every reader: as text, and as a browser reads it', () => {
    fc.assert(
      fc.property(texts, (text) => {
        if (!isRedirect(text)) return
        const url = new URL(text)
        expect(text).toMatch(/^[\x21-\x7e]+$/)
        expect([url.username, url.password, url.hash, text.includes('#'), text.includes('\\')]).toEqual([
          '',
          '',
          '',
          false,
          false,
        ])
        expect(url.protocol).not.toMatch(
          /^(?:javascript|data|vbscript|file|blob|about|view-source|filesystem|mailto|ftp|wss?):$/,
        )
        if (url.protocol === 'http:') expect(['127.0.0.1', '[::1]', 'localhost']).toContain(url.hostname)
        if (/^https?:$/.test(url.protocol)) {
          const written = /^https?:\/\/(\[[^\]]+\]|[^:/?]+)/i.exec(text)?.[1]
          expect(written?.toLowerCase()).toBe(url.hostname)
        }
      }),
      { numRuns: 3_000 },
    )
  })

  it('are the same as themselves, and as no other but a loopback one at another port', () => {
    fc.assert(
      fc.property(taken, taken, (one, other) => {
        expect(sameRedirect(one, one)).toBe(true)
        if (one === other || !sameRedirect(one, other)) return
        const [a, b] = [new URL(one), new URL(other)]
        expect([isLoopback(one), isLoopback(other)]).toEqual([true, true])
        a.port = b.port = ''
        expect(a.href).toBe(b.href)
      }),
      { numRuns: 5_000 },
    )
  })

  it('give a name only where a host of the web receives', () => {
    const known = createKnown(
      [{ name: 'app', redirects: ['https://app.example/cb', 'http://127.0.0.1/cb', 'app://cb'], grants: [] }],
      true,
    )
    fc.assert(
      fc.property(texts, (text) => {
        const found = known.byRedirect(text)
        if (found !== undefined) {
          expect(isExclusive(text)).toBe(true)
          expect(known.knows(text)).toBe(true)
        }
        if (isExclusive(text)) expect(new URL(text).protocol).toBe('https:')
      }),
      { numRuns: 3_000 },
    )
    expect(known.byRedirect('https://app.example/cb')?.name).toBe('app')
    expect(known.byRedirect('http://127.0.0.1/cb')).toBeUndefined()
  })

  it('lead to the same place with an answer behind them, whatever state a client gives', () => {
    const client = {
      id: 'x',
      name: 'unverified',
      redirects: [],
      authentication: { method: 'none' },
      grants: [],
    } as const
    fc.assert(
      fc.property(taken, fc.string(), fc.string(), (redirect, state, code) => {
        const to = answerUrl({ client, redirect, state, issuer: 'https://mcp.example' }, { code })
        const [before, after] = [new URL(redirect), new URL(to)]
        expect([after.protocol, after.host, after.pathname]).toEqual([
          before.protocol,
          before.host,
          before.pathname,
        ])
        const added = new URLSearchParams(to.slice(redirect.length + 1))
        expect([added.get('code'), added.get('state'), added.get('iss')]).toEqual([
          new URLSearchParams({ code }).get('code'),
          new URLSearchParams({ state }).get('state'),
          'https://mcp.example',
        ])
        expect(to.slice(redirect.length)).toMatch(/^[?&][\x21-\x7e]*$/)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('client metadata documents', () => {
  const id = 'https://client.example/client.json'

  it('have a URL that a parser leaves as it is: https, a path, and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(texts, fc.webUrl({ validSchemes: ['https'] })), (text) => {
        if (!isDocumentUrl(text)) return
        const url = new URL(text)
        expect([url.href, url.protocol, url.search, url.hash, url.username]).toEqual([
          text,
          'https:',
          '',
          '',
          '',
        ])
        expect(url.pathname.length).toBeGreaterThan(1)
        expect(text).not.toMatch(/\/\.{1,2}(\/|$)/)
      }),
      { numRuns: 3_000 },
    )
  })

  it('give a client without a name and with redirect URIs that may be ones, or are refused', () => {
    const member = fc.oneof(
      fc.jsonValue(),
      fc.constant(id),
      fc.array(uri),
      fc.constantFrom('none', 'private_key_jwt', 'client_secret_basic'),
    )
    const mostly = (good: unknown, other: fc.Arbitrary<unknown>) =>
      fc.oneof({ weight: 8, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: other })
    const document = fc.record(
      {
        client_id: mostly(id, member),
        client_name: fc.oneof(fc.string({ unit: 'grapheme' }), member),
        redirect_uris: fc.oneof(
          { weight: 8, arbitrary: fc.array(taken, { minLength: 1, maxLength: 3 }) },
          { weight: 1, arbitrary: member },
        ),
        token_endpoint_auth_method: mostly('none', member),
        grant_types: mostly(['authorization_code'], member),
        jwks: member,
        jwks_uri: member,
      },
      { requiredKeys: ['client_id', 'redirect_uris'] },
    )
    let read = 0
    fc.assert(
      fc.property(
        fc.oneof(
          document.map((it) => JSON.stringify(it)),
          fc.string(),
          fc.json(),
        ),
        (text) => {
          let client
          try {
            client = readDocument(id, text)
          } catch (error) {
            expect(error).toBeInstanceOf(SallyportError)
            expect(['client_metadata_refused', 'redirect_refused']).toContain((error as SallyportError).code)
            return
          }
          read += 1
          expect([client.id, client.name, client.title]).toEqual([id, 'unverified', undefined])
          expect(client.redirects.every(isRedirect)).toBe(true)
          expect(['none', 'private_key_jwt']).toContain(client.authentication.method)
          expect(client.says ?? '').not.toMatch(/[\p{Cc}\p{Cf}]/u)
        },
      ),
      { numRuns: 3_000 },
    )
    expect(read).toBeGreaterThan(100)
  })
})
