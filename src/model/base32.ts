const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648 §6 in lower case, without padding: names that are safe in paths and never look like markup. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet.charAt((held >>> bits) & 31)
    }
    held &= 31
  }
  return bits === 0 ? text : text + alphabet.charAt((held << (5 - bits)) & 31)
}
