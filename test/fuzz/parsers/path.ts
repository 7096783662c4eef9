import { posix } from 'node:path'
import { SallyportError } from '../../../src/model/index.ts'
import { normalisePath, readTarget } from '../../../src/egress/path.ts'
import { hold, type Parser } from '../parser.ts'

/** What stands before the path at a downstream. */
const bases = ['', '/base', '/a/b.c'] as const

/** A path as a server resolves it that decodes before it looks at segments, as most do. */
const decoded = (path: string): string => decodeURIComponent(path)

/** How other programs find the resource that a path names. Each gives segments. */
const readers: Readonly<Record<string, (path: string) => string>> = {
  'decodes, then resolves': (path) => posix.normalize(decoded(path)),
  'resolves, then decodes': (path) => decoded(posix.normalize(path)),
  'decodes twice': (path) => posix.normalize(tryDecode(decoded(path))),
  'takes a backslash for a slash': (path) => posix.normalize(decoded(path).replaceAll('\\', '/')),
  'drops path parameters (RFC 3986 §3.3)': (path) => posix.normalize(decoded(path).replace(/;[^/]*/g, '')),
  'drops encoded path parameters before it decodes': (path) =>
    posix.normalize(decoded(path.replace(/(;|%3b)[^/]*/gi, ''))),
  'folds look-alikes (NFKC)': (path) => posix.normalize(decoded(path).normalize('NFKC')),
  'ends at a NUL': (path) => posix.normalize(decoded(path).split('\0')[0] ?? ''),
  'ends at a line break': (path) => posix.normalize(decoded(path).split(/[\r\n\u2028\u2029\u0085]/)[0] ?? ''),
  'merges slashes': (path) => posix.normalize(decoded(path).replace(/\/+/g, '/')),
  'takes what was decoded for a URL': (path) => posix.normalize(decoded(path).split(/[?#]/)[0] ?? ''),
  'reads bytes as latin1': (path) => posix.normalize(Buffer.from(decoded(path)).toString('latin1')),
}

/** Of those, the ones that end where another character than ours ends a path. */
const shortens = new Set(['takes what was decoded for a URL'])

function tryDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const path: Parser = {
  name: 'path',
  words: [
    ...['/', '//', '..', '.', '/../', '/./', ';', '\\', '?', '#', '%', '%2f', '%2F', '%2e', '%2E%2e', '%5c'],
    ...[
      '%252f',
      '%25%32%66',
      '%00',
      '%0a',
      '%0d',
      '%3b',
      '%3B',
      '%23',
      '%3f',
      '%3F',
      '%25',
      '%c0%af',
      '%c0%ae',
    ],
    ...['%e0%80%af', '%ef%bc%8f', '%ef%bc%8e', '%e2%80%a4', '%e2%88%95', '%e2%81%84', '%c2%85', '%e2%80%a8'],
    ...[
      '%ed%a0%80',
      '%f4%90%80%80',
      '%7E',
      '%41',
      '%zz',
      '%u002f',
      '/downstream/',
      '/downstream/orders',
      '@',
    ],
    ...[
      'http://evil.example',
      ':',
      '~',
      '=',
      '&',
      'access_token=',
      '+',
      ' ',
      '\t',
      '\u2024',
      '\uff0e',
      '\uff0f',
    ],
  ],
  judge(input) {
    try {
      const target = readTarget(input)
      if (target === undefined) return 'not_ours'
      const { downstream, path: read, query } = target
      hold(/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(downstream), 'a name is a name', downstream)
      judgePath(read)
      hold(/^(\?[\x21\x24-\x7e]*)?$/.test(query), 'a query is visible ASCII', query)
      const again = readTarget(`/downstream/${downstream}${target.bare === true ? '' : read}${query}`)
      hold(JSON.stringify(again) === JSON.stringify(target), 'read again it is the same', target, again)
      for (const base of bases) judgeAt(base, read, query)
      return `${downstream} ${read} ${query}`.trimEnd()
    } catch (error) {
      if (error instanceof SallyportError) return error.code
      throw error
    }
  },
}

function judgePath(read: string): void {
  hold(read.startsWith('/'), 'a path begins with a slash', read)
  hold(normalisePath(read) === read, 'the form is a fixed point', read)
  hold(/^[A-Za-z0-9._~!$&'()*+,=:@/%-]*$/.test(read), 'the form is of URL characters', read)
  hold(!/%(?![0-9A-F]{2})/.test(read), 'encodings are whole and in capitals', read)
  hold(
    !/%(4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|3[0-9]|2D|2E|5F|7E)/.test(read),
    'nothing is encoded in vain',
    read,
  )
}

/** Every reader stays below the base and finds as many segments as we do, each of them the same. */
function judgeAt(base: string, read: string, query: string): void {
  const whole = base + read
  const url = new URL(`https://host.example${whole}${query}`)
  hold(url.origin === 'https://host.example' && url.hash === '', 'WHATWG: the origin stands', whole)
  hold(url.pathname === whole, 'WHATWG: the path stands', whole, url.pathname)
  hold(
    unquoted(url.search) === (query === '?' ? '' : unquoted(query)),
    'WHATWG: the query stands',
    query,
    url.search,
  )
  const relative = new URL(`.${read}${query}`, `https://host.example${base}/`)
  hold(relative.pathname === whole, 'WHATWG: as a reference too', whole, relative.pathname)
  const ours = decoded(whole)
  // Windows drops blanks at the end of a name, others what cannot be seen.
  for (const segment of ours.split('/'))
    hold(!/^\.\.?$/.test(segment.replace(/[\s\p{Cf}]/gu, '')), 'no segment is dots to anybody', whole)
  for (const [name, reader] of Object.entries(readers)) {
    const theirs = reader(whole)
    const same = theirs === ours || (name.startsWith('reads bytes') && theirs.length >= ours.length)
    const folded = name.startsWith('folds') && theirs.split('/').length === ours.split('/').length
    const below = theirs === base || theirs.startsWith(`${base}/`)
    hold(below, `a server that ${name} stays below the base`, whole, theirs)
    hold(same || folded || shortens.has(name), `a server that ${name} finds the same`, whole, theirs)
    hold(
      theirs.split('/').length === ours.split('/').length || shortens.has(name),
      `${name}: segments`,
      whole,
      theirs,
    )
    hold(!theirs.split('/').includes('..'), `a server that ${name} climbs nowhere`, whole, theirs)
  }
}

/** WHATWG encodes four characters of a query that RFC 3986 lets stand, or refuses to name. */
const unquoted = (query: string): string =>
  query.replace(/%(22|27|3C|3E)/g, (triplet) => decodeURIComponent(triplet)).replaceAll('"', '%22')
