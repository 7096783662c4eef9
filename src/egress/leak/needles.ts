import { type Credential, type Secret, shortestGuarded } from '../../model/index.ts'

/** One form in which a credential may come back, and how its bytes compare. */
export interface Needle {
  /** As `fold` leaves them. */
  readonly bytes: Uint8Array
  /** What a byte of the text counts as, for this form. */
  readonly fold: Uint8Array
  /** Whether line breaks may stand inside, after `unbroken` bytes (RFC 2045 §6.8, `xxd -p`). */
  readonly broken: boolean
}

/**
 * So many bytes of a needle come before a line break in it, or else the end of every line of text would look like its
 * beginning. A needle that is broken earlier is found by what follows the break.
 */
export const unbroken = 4

/** From this length on the end of a secret is not waited for: an answer cut off there is caught as well. */
const long = 24
const spared = 8

/** A needle of fewer bytes is not looked for in pieces. */
export const shortestBroken = 20

const schemes = /^(?:basic|bearer|bot|token|key|api-?key|ssws|splunk|geniekey) +(?=\S)/i

/**
 * The forms of what is injected: as it is, in base64 at each of three alignments, in hex and in UTF-16. Letters compare
 * in any case, since a header name has none and hex has two; `+` and a blank are one in text (forms), `+/` and `-_`
 * in base64 (RFC 4648 §5). Undefined where there is nothing long enough to look for.
 */
export function needlesOf({
  secret,
  placement,
}: Pick<Credential, 'secret' | 'placement'>): readonly Needle[] | undefined {
  const prefix = placement.kind === 'header' ? (placement.prefix ?? '') : ''
  const needles: Needle[] = []
  const seen = new Set<string>()
  const add = (bytes: Uint8Array, fold: Uint8Array, broken: boolean) => {
    const needle = { bytes: bytes.map((byte) => fold[byte] ?? 0), fold, broken }
    const key = `${broken} ${Buffer.from(needle.bytes).toString('latin1')}`
    if (!seen.has(key)) needles.push(needle)
    seen.add(key)
  }
  const addBroken = (bytes: Uint8Array, fold: Uint8Array) => {
    add(bytes, fold, true)
    if (bytes.length >= shortestBroken) add(bytes.subarray(unbroken), fold, true)
  }
  for (const bytes of valuesOf(prefix, secret.reveal())) {
    add(bytes, asText, false)
    add(wide(bytes), asText, false)
    addBroken(Buffer.from(bytes.toString('hex')), asText)
    for (const shift of [0, 1, 2]) addBroken(inBase64(bytes, shift), asBase64)
  }
  return needles.length === 0 ? undefined : needles
}

/** Whether it is a signed JWT in its compact form (RFC 7519 §7.2). */
export function isJwt(secret: Secret): boolean {
  const parts = secret.reveal().split('.')
  const [head = ''] = parts
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) return false
  try {
    const header: unknown = JSON.parse(Buffer.from(head, 'base64url').toString())
    return typeof header === 'object' && header !== null && 'alg' in header
  } catch {
    return false
  }
}

/** How many characters it has. */
export function lengthOf(secret: Secret): number {
  return secret.reveal().length
}

/** The secret alone, without a scheme before it; of RFC 7617's user and password also both in clear. */
function valuesOf(prefix: string, secret: string): Buffer[] {
  const whole = prefix + secret
  const scheme = schemes.exec(secret)?.[0] ?? ''
  const values = bytesOf(secret.slice(scheme.length)).map(shortened)
  const basic = /^basic +([A-Za-z0-9+/_-]+=*)$/i.exec(whole)?.[1]
  if (basic !== undefined) {
    const pair = Buffer.from(basic, 'base64')
    const colon = pair.indexOf(':')
    // A user's name is no secret: of the pair nothing is spared.
    if (colon !== -1) values.push(pair, shortened(pair.subarray(colon + 1)))
  }
  return values.filter((bytes) => bytes.length >= shortestGuarded)
}

/** Header values go out as Latin-1; what reads them may say them in UTF-8. */
function bytesOf(text: string): Buffer[] {
  const utf8 = Buffer.from(text)
  return utf8.length === text.length ? [utf8] : [utf8, Buffer.from(text, 'latin1')]
}

function shortened(bytes: Buffer): Buffer {
  return bytes.length < long ? bytes : bytes.subarray(0, bytes.length - spared)
}

/** The characters that stand for these bytes alone, whatever stands around them. */
function inBase64(bytes: Uint8Array, shift: number): Uint8Array {
  const text = Buffer.concat([new Uint8Array(shift), bytes]).toString('base64')
  const first = Math.ceil((shift * 8) / 6)
  return Buffer.from(text.slice(first, Math.floor(((shift + bytes.length) * 8) / 6)))
}

/** UTF-16 in either order: from the first byte that is not zero to the last. */
function wide(bytes: Uint8Array): Uint8Array {
  const spread = new Uint8Array(bytes.length * 2 - 1)
  for (const [index, byte] of bytes.entries()) spread[index * 2] = byte
  return spread
}

function folding(pairs: string): Uint8Array {
  const fold = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte))
  for (let index = 0; index < pairs.length; index += 2)
    fold[pairs.charCodeAt(index)] = pairs.charCodeAt(index + 1)
  return fold
}

const asText = folding('+ ')
const asBase64 = folding('-+ +_/')
/** Whatever any needle takes for the same is the same here. */
export const coarse = folding('-+ +_/')
