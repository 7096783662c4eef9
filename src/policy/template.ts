/**
 * Path templates: `/orders/{id}` and `/files/{path...}`. A template is written in decoded form; `{name}` stands for
 * exactly one segment that is not empty, a last `{name...}` for one or more.
 */
export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'one'; readonly name: string }
  | { readonly kind: 'rest'; readonly name: string }

const parameter = /^\{([A-Za-z_][A-Za-z0-9_.-]*?)(\.\.\.)?\}$/
/** What a literal may hold: nothing that could be read as encoding, query, fragment, separator or control. */
const literal = /^[^{}%?#\\\p{Cc}\p{Cs} ]*$/u

/** The name of an operation in configuration, records and explanations: `GET /orders/{id}`. */
export function operationId(method: string, path: string): string {
  return `${method} ${path}`
}

/** The segments of a template, or the reason why it is none (a text for the configuration's errors). */
export function parseTemplate(path: string): readonly Segment[] | string {
  if (!path.startsWith('/')) return 'a path begins with /'
  const names = new Set<string>()
  const segments: Segment[] = []
  const texts = path.slice(1).split('/')
  for (const [index, text] of texts.entries()) {
    const segment = parseSegment(text)
    if (typeof segment === 'string') return segment
    const last = index === texts.length - 1
    if (segment.kind === 'rest' && !last) return `{${segment.name}...} may stand at the end only`
    if (segment.kind === 'literal') {
      if (text === '' && !last) return 'a segment in the middle is empty (//)'
    } else if (names.has(segment.name)) {
      return `the parameter {${segment.name}} stands twice`
    } else {
      names.add(segment.name)
    }
    segments.push(segment)
  }
  return segments
}

function parseSegment(text: string): Segment | string {
  const found = parameter.exec(text)
  if (found !== null) return { kind: found[2] === undefined ? 'one' : 'rest', name: found[1] ?? '' }
  if (text === '.' || text === '..') return 'a path has no . or .. segments'
  if (literal.test(text)) return { kind: 'literal', text }
  if (/[{}]/.test(text)) return 'a parameter is a whole segment: {name}, or {name...} at the end'
  return 'a path is written decoded, without %, ?, #, backslash or blanks'
}

/** A path that is plain already, as nearly all are: it can be read in one way and decodes to itself. */
const plain = /^(?:\/(?!\.{1,2}(?:[;/]|$))[\w~!$&'()*+,;=:@.-]+)+\/?$/

/**
 * A request path as decoded segments, or undefined where it can be read in more than one way: malformed or doubled
 * percent-encoding, an encoded separator, dot segments (also as `..;`), backslashes, controls, an empty segment that
 * is not the last. Such a path matches no operation.
 */
export function decodePath(path: string): readonly string[] | undefined {
  if (plain.test(path)) return path.slice(1).split('/')
  if (!path.startsWith('/')) return undefined
  const segments = path.slice(1).split('/')
  for (let index = 0; index < segments.length; index++) {
    const segment = decodeSegment(segments[index] ?? '')
    if (segment === undefined) return undefined
    if (segment === '' && index < segments.length - 1) return undefined
    segments[index] = segment
  }
  return segments
}

const ambiguous = /[/\\?#\u0000-\u001f\u007f]|^\.{1,2}(?:;|$)|%(?:2f|5c|2e|00|25)/i

function decodeSegment(raw: string): string | undefined {
  let segment = raw
  if (raw.includes('%')) {
    try {
      segment = decodeURIComponent(raw)
    } catch {
      return undefined
    }
  }
  return ambiguous.test(segment) ? undefined : segment
}
