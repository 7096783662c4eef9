import { SallyportError } from '../model/index.ts'

/** Where a request wants to go, in the one form that is matched, recorded and sent. */
export interface Target {
  readonly downstream: string
  /** Begins with `/`; percent-encoding normalised (RFC 3986 §6.2.2); without the downstream's base path. */
  readonly path: string
  /** With its `?`, or empty. */
  readonly query: string
  /** Nothing stood behind the downstream's own address, not even a slash: its path is `/` to all but its server. */
  readonly bare?: true
}

const prefix = '/downstream/'
const name = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
/** Nothing to decode and nothing to doubt: the common case. */
const plainPath = /^(?:\/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*\/?$/
const pathText = /^[A-Za-z0-9._~!$&'()*+,=:@/%-]*$/
const queryText = /^[\x21\x24-\x7e]*$/
const unreserved = /^[A-Za-z0-9._~-]$/
const dotSegment = /^[\s\p{Cf}]*\.[\s\p{Cf}]*\.?[\s\p{Cf}]*(?:$|[?#])/u

/**
 * Reads a request target of the form `/downstream/{name}/{path}?{query}`, or says that it is not one.
 * Whatever two readers could read in two ways is refused, here once for all that comes after: dot segments, empty
 * segments, encoded or foreign slashes, path parameters, double encoding, controls, anything not UTF-8.
 * @throws path_ambiguous
 */
export function readTarget(url: string): Target | undefined {
  if (!url.startsWith(prefix)) return undefined
  const question = url.indexOf('?')
  const whole = question === -1 ? url : url.slice(0, question)
  const query = question === -1 ? '' : url.slice(question)
  const slash = whole.indexOf('/', prefix.length)
  const downstream = slash === -1 ? whole.slice(prefix.length) : whole.slice(prefix.length, slash)
  if (!name.test(downstream)) throw new SallyportError('path_ambiguous')
  checkQuery(query)
  if (slash === -1) return { downstream, path: '/', query, bare: true }
  return { downstream, path: normalisePath(whole.slice(slash)), query }
}

/** A query that holds nothing but visible ASCII; it begins with `?` or is empty. @throws path_ambiguous */
export function checkQuery(query: string): void {
  if (query !== '' && !queryText.test(query.slice(1))) throw new SallyportError('path_ambiguous')
}

/** The one form of a path, or a refusal. @throws path_ambiguous */
export function normalisePath(path: string): string {
  if (plainPath.test(path)) return path
  if (!path.startsWith('/') || !pathText.test(path)) throw new SallyportError('path_ambiguous')
  const segments = path.slice(1).split('/')
  return `/${segments.map((segment, index) => normaliseSegment(segment, index === segments.length - 1)).join('/')}`
}

function normaliseSegment(segment: string, last: boolean): string {
  const decoded = decode(segment)
  if (decoded === undefined || !isPlain(decoded, last)) throw new SallyportError('path_ambiguous')
  // Full-width and other look-alikes of dots and slashes, which some readers fold into the real ones.
  if (!isPlain(decoded.normalize('NFKC'), last)) throw new SallyportError('path_ambiguous')
  return segment.replace(/%[0-9A-Fa-f]{2}/g, (triplet) => {
    const char = String.fromCharCode(Number.parseInt(triplet.slice(1), 16))
    return unreserved.test(char) ? char : triplet.toUpperCase()
  })
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

/** No separator or what code pages fold into one, no dot segment, no control, nothing that decodes once more; empty only at the end. */
function isPlain(decoded: string, last: boolean): boolean {
  if (decoded === '') return last
  // A dot segment (RFC 3986 §5.2.4), also to who drops blanks, as Windows does, or what cannot be seen, or takes
  // what was decoded for a URL, whose path ends at `?` and `#`.
  if (dotSegment.test(decoded)) return false
  return !/[/\\;\p{Cc}\u2028\u2029\u2044\u2215\u2216\u29f5\u29f8]|%[0-9A-Fa-f]{2}/u.test(decoded)
}

/**
 * Whether a query names `access_token` (RFC 6750 §2.3), under any spelling that a form decoder reads as that name.
 * The query begins with `?` or is empty.
 */
export function carriesToken(query: string): boolean {
  if (query === '' || !/access|%/i.test(query)) return false
  for (const field of query.slice(1).split(/[&;]/)) {
    const key = field.split('=', 1)[0] ?? ''
    const decoded = decode(key.replaceAll('+', ' '))
    if (decoded === undefined || decoded.trim().toLowerCase() === 'access_token') return true
  }
  return false
}
