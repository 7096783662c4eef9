/** The syntax of header fields (RFC 9110 §5), for what is sent and for what comes. */

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Whatever may not stand in a value: controls but the tab, and what is not one byte. */
const notInValue = /[^\t\x20-\x7e\x80-\xff]/
const maxNames = 2048

/**
 * Header names in lower case, by the spelling on the wire. The same few come with every message, so each is judged
 * once; those beyond the bound are judged each time.
 */
export class FieldNames {
  readonly #known = new Map<string, string>()

  /** In lower case, or undefined if this is no field name. */
  read(name: string): string | undefined {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    if (!token.test(name)) return undefined
    const lower = name.toLowerCase()
    if (this.#known.size < maxNames && name.length <= 64) this.#known.set(name, lower)
    return lower
  }
}

export function isFieldValue(value: string): boolean {
  return !notInValue.test(value)
}

/** The piece of `text` from `from` to `to` without the blanks around it (RFC 9110 §5.5). */
export function fieldValue(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start += 1
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x09
}
