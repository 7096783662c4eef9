/** A value that is no plain ASCII, or looks like this itself, travels in Base64. The markers are in lower case. */
const wrapped = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What a mirrored header says; undefined where it cannot be read. Blanks around it are not part of it (RFC 9110 §5.5). */
export function mirrored(value: string): string | undefined {
  const text = value.replace(/^[ \t]+|[ \t]+$/g, '')
  const coded = wrapped.exec(text)?.[1]
  if (coded === undefined) return text
  const bytes = Buffer.from(coded, 'base64')
  if (bytes.toString('base64') !== coded) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
