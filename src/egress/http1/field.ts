/** The syntax of header fields (RFC 9110 §5), for what is sent and for what comes. */
import { ByName } from '../by-name.ts'

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Whatever may not stand in a value: controls but the tab, and what is not one byte. */
const notInValue = /[^\t\x20-\x7e\x80-\xff]/

/** Header names in lower case, by the spelling on the wire; undefined for what is no field name. */
export type FieldNames = ByName<string | undefined>

export function createFieldNames(): FieldNames {
  return new ByName((written) => (token.test(written) ? written.toLowerCase() : undefined))
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
