/** A value that is no plain ASCII, or looks like this itself, travels in Base64. The markers are in lower case. */
const wrapped = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/

/** Some read such bytes as UTF-8 and some as Latin-1, so nobody may send them (RFC 9110 §5.5). */
const notPlain = /[^\t\x20-\x7e]/

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What a mirrored header says; undefined where it cannot be read. Blanks around it are not part of it (RFC 9110 §5.5). */
export function mirrored(value: string): string | undefined {
  const text = value.replace(/^[ \t]+|[ \t]+$/g, '')
  const coded = wrapped.exec(text)?.[1]
  if (coded === undefined) return notPlain.test(text) ? undefined : text
  const bytes = Buffer.from(coded, 'base64')
  if (bytes.toString('base64') !== coded) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
