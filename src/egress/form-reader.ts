import { SallyportError } from '../model/index.ts'

/**
 * Parameters by which frameworks let a request ask for another method than its own: Rack, Laravel and Symfony,
 * Spring, ASP.NET, WordPress, Salesforce, OData. The decision was on the method of the request line, so none may get
 * out, in the query or in a form. Headers of that kind are not sent at all (`strip.ts`); JSON is not searched.
 */
const override =
  /^(?:[_$@]+(?:http_?)?method(?:_?override)?|x_(?:http_)?method(?:_?override)?|(?:http_?)?method_?override)$/

/** How many characters of a name, or of a line in a part's head, are looked at. */
const longest = 4096

/** Whether a form decoder may read this name as one of those: escaped, in any case, as PHP and Rack mend names. */
export function namesOverride(name: string): boolean {
  const plain = unescaped(unescaped(name.replaceAll('+', ' ')))
  const [upToNul = ''] = plain.split('\0', 1)
  const text = upToNul.trimStart().toLowerCase()
  const bracket = text.indexOf('[', 1)
  const own = bracket === -1 ? text : text.slice(0, bracket)
  return override.test(own.trimEnd().replace(/[ .[-]/g, '_'))
}

/** Blanks before a name are not part of it, and so many of them hide what comes after. */
function isLongBlank(name: string): boolean {
  return name.length > longest && unescaped(name.replace(/%.?$/, '').replaceAll('+', ' ')).trim() === ''
}

function unescaped(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
}

/** Reads a form as it passes. `overrides` says whether it has come to a name that asks for another method. */
export interface FormReader {
  overrides(chunk: Buffer): boolean
}

const ampersand = 0x26
const semicolon = 0x3b
const equals = 0x3d

/** Names of an urlencoded form; a name counts from its `=` on, since without one it asks for nothing. */
class FieldReader implements FormReader {
  #name = ''
  #inValue = false

  overrides(chunk: Buffer): boolean {
    const toAmpersand = seek(chunk, ampersand)
    const toSemicolon = seek(chunk, semicolon)
    const toEquals = seek(chunk, equals)
    for (let begun = 0; ; ) {
      const over = Math.min(toAmpersand(begun), toSemicolon(begun))
      if (!this.#inValue) {
        const sign = toEquals(begun)
        this.#keep(chunk, begun, Math.min(sign, over))
        this.#inValue = sign < over
        if (this.#inValue && (namesOverride(this.#name) || isLongBlank(this.#name))) return true
      }
      if (over === chunk.length) return false
      this.#name = ''
      this.#inValue = false
      begun = over + 1
    }
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const room = longest + 1 - this.#name.length
    if (from < to && room > 0) this.#name += chunk.toString('latin1', from, Math.min(to, from + room))
  }
}

/** How many bytes are looked at one by one, before a call into native code is worth its price. */
const near = 32

/** Where a sign comes next, at a place or after it; at the end if nowhere. Places must grow: none is sought twice. */
function seek(bytes: Buffer, sign: number): (from: number) => number {
  let next = -1
  return (from) => {
    if (next >= from) return next
    const close = Math.min(bytes.length, from + near)
    for (next = from; next < close; next++) if (bytes[next] === sign) return next
    const found = bytes.indexOf(sign, next)
    next = found === -1 ? bytes.length : found
    return next
  }
}

/**
 * Names of the parts of a multipart form. The boundary is not looked at, since readers do not agree on it: every line
 * that may be the `Content-Disposition` of a part is taken for one.
 */
class PartReader implements FormReader {
  /** The end of what came, as far as such a line may have begun there. */
  #rest = '\n'

  overrides(chunk: Buffer): boolean {
    const text = this.#rest + chunk.toString('latin1')
    let begun = Math.max(0, text.length - 32)
    for (const { index } of text.matchAll(/[\r\n]content-disposition[ \t]*:/gi)) {
      // A line goes on where the next one begins with a blank, so its end is known by the character after it.
      const end = /[\r\n][^\r\n \t]|\n[\r\n]|\r\r/.exec(text.slice(index + 1))
      if (end === null) {
        if (text.length - index > longest) return true
        begun = Math.min(begun, index)
      } else if (dispositionOverrides(text.slice(index, index + 1 + end.index))) return true
    }
    this.#rest = text.slice(begun)
    return false
  }
}

/** RFC 7578 §4.2: a part's name stands in plain text; the encodings of RFC 2231 and RFC 2047 have no use there. */
function dispositionOverrides(line: string): boolean {
  const plain = line.replaceAll('\\', '')
  for (const [, encoded, value = ''] of plain.matchAll(
    /[;,\s]name(\*)?[^=;]*=\s*("[^"]*|'[^']*|[^;\s]*)/gi,
  )) {
    if (encoded !== undefined || value.includes('=?')) return true
    if (namesOverride(value.replace(/^["']/, ''))) return true
  }
  return false
}

/** @throws method_override_refused where it is a form that is encoded so that it cannot be read */
export function formReader(head: readonly string[]): FormReader | undefined {
  // Rack takes a POST without a type for a form.
  const type = (valueOf(head, 'content-type') ?? '').toLowerCase()
  const parts = type.includes('multipart/')
  const fields = type.trim() === '' || type.includes('x-www-form-urlencoded')
  if (!parts && !fields) return undefined
  if (parts && fields) throw new SallyportError('method_override_refused')
  const coding = valueOf(head, 'content-encoding')
  const charset = /charset\s*=\s*["']?([^"';,\s]*)/.exec(type)?.[1]
  if (coding !== undefined && coding.toLowerCase() !== 'identity')
    throw new SallyportError('method_override_refused')
  if (charset !== undefined && !/^(?:utf-?8|us-ascii|iso-8859-1)$/.test(charset))
    throw new SallyportError('method_override_refused')
  return parts ? new PartReader() : new FieldReader()
}

function valueOf(head: readonly string[], name: string): string | undefined {
  for (let index = 0; index < head.length; index += 2) if (head[index] === name) return head[index + 1]
  return undefined
}
