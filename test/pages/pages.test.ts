import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { handOverPage } from '../../src/pages/index.ts'
import { everyPage } from './views.ts'

const plain = everyPage()
const names = Object.keys(plain)

/** The tags and the names of their attributes, without any value or text. */
const skeleton = (page: string) =>
  (page.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/="[^"]*"/g, '=""'))

/** What a text would have to hold to become anything but text. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '<',
        '>',
        '"',
        "'",
        '&',
        '`',
        '=',
        '/',
        '-->',
        ']]>',
        '</style>',
        '</title>',
        '<!--',
        '&lt;',
        '\0',
        '\n',
      ),
      fc.constantFrom(
        '<script>alert(1)</script>',
        '" onfocus="alert(1)" autofocus="',
        '<iframe srcdoc="x">',
        '\u202e',
      ),
      fc.string({ unit: 'binary' }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => parts.join(''))

describe('every page', () => {
  it('is the same whatever stands in its texts: no tag and no attribute comes from a value', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const pages = everyPage((said) => said + text)
        for (const name of names) expect(skeleton(pages[name]!.html)).toEqual(skeleton(plain[name]!.html))
      }),
    )
  })

  it.each(names)('%s forbids whatever it does not need', (name) => {
    const { headers, html } = plain[name]!
    const sheet = /<style>([^]*?)<\/style>/.exec(html)![1]!
    const hash = createHash('sha256').update(sheet).digest('base64')
    const policy = headers['content-security-policy']!.split('; ')
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        `style-src 'sha256-${hash}'`,
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ]),
    )
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    })
    expect(html).not.toMatch(/<script|<iframe|<img|style="|\son\w+=/i)
  })
})

describe('an app that nobody has verified', () => {
  it.each(['consent-unverified', 'connect-unverified', 'sign-in-unverified'])(
    'is never called by its name in %s',
    (name) => {
      const { html } = plain[name]!
      expect(/<title>(.*)<\/title>/.exec(html)![1]).not.toContain('Claude')
      expect(/<h1>(.*)<\/h1>/.exec(html)![1]).not.toContain('Claude')
      expect(html).not.toContain('<b><bdi>Claude')
      expect(html).toMatch(/says? it is “<bdi>Claude<\/bdi>”/i)
    },
  )

  it('cannot turn round or hide what stands beside its name, or push it off the page', () => {
    const name = `Cla\u200bude\u202e${'!'.repeat(500)}\u0000\n`
    const { html } = everyPage((text) => (text === 'Claude' ? name : text))['consent-unverified']!
    expect(html).toContain(`“<bdi>Cla ude ${'!'.repeat(51)}…</bdi>”`)
  })
})

describe('handing over to an app', () => {
  it.each(['javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', 'file:///x', 'blob:x'])(
    'refuses %s',
    (to) => {
      expect(() => handOverPage({ client: {}, to })).toThrow('must not run in the browser')
    },
  )
})
