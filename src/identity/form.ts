import { SallyportError } from '../model/index.ts'

/** The parameters of a token request. */
export interface Form {
  /** The value of a parameter that may come once. */
  one(name: string): string | undefined
  /** The values of a parameter that may come several times. */
  all(name: string): readonly string[]
}

/** RFC 8693 §2.1 lets these two repeat; RFC 6749 §3.2 lets nothing repeat. */
const repeatable: ReadonlySet<string> = new Set(['audience', 'resource'])
const maxParameters = 64
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const control = /[\u0000-\u001f\u007f]/

const malformed = (cause?: unknown): SallyportError => new SallyportError('request_malformed', {}, cause)

/**
 * Parse `application/x-www-form-urlencoded` in one way only: every pair has exactly one `=`, encodings are valid
 * UTF-8, no control characters, nothing that may come once comes twice. A parameter without a value counts as
 * omitted (RFC 6749 §3.2). @throws request_malformed
 */
export function parseForm(body: string): Form {
  const values = new Map<string, string[]>()
  const pairs = body === '' ? [] : body.split('&')
  if (pairs.length > maxParameters) throw malformed()
  for (const pair of pairs) {
    const [name, value, ...rest] = pair.split('=').map(decode)
    if (name === undefined || name === '' || value === undefined || rest.length > 0) throw malformed()
    const known = values.get(name)
    if (known !== undefined && !repeatable.has(name)) throw malformed()
    if (known === undefined) values.set(name, [value])
    else known.push(value)
  }
  const all = (name: string): readonly string[] => (values.get(name) ?? []).filter((value) => value !== '')
  return { all, one: (name) => all(name)[0] }
}

function decode(text: string): string {
  let decoded: string
  try {
    decoded = decodeURIComponent(text.replaceAll('+', ' '))
  } catch (error) {
    throw malformed(error)
  }
  if (control.test(decoded)) throw malformed()
  return decoded
}
