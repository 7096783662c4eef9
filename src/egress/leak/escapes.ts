/**
 * One character of a text in which any character may be written as an escape: percent (RFC 3986 §2.1), JSON and the
 * languages like it (RFC 8259 §7), HTML and XML (`&#65;`, `&#x41;`, `&amp;`). Escapes may be escaped again, up to
 * `depth` times. Nothing is copied: a character is read where it stands, so that any mixture reads the same.
 */
export const depth = 2

/** The text ends within the character. */
export const open = -1

/** No byte: a character beyond Latin-1, or none at all. */
const other = 256
const width = 512

/** A character and where the next one begins, in one number. */
const character = (value: number, next: number): number => next * width + (value > 255 ? other : value)
export const valueOf = (read: number): number => read % width
export const nextOf = (read: number): number => Math.floor(read / width)

const percent = 0x25
const ampersand = 0x26
const backslash = 0x5c

/** The bytes with which an escape begins. */
export const introducers: readonly [number, number, number] = [percent, ampersand, backslash]

export function introduces(value: number): boolean {
  return value === percent || value === backslash || value === ampersand
}

/**
 * Whether an introducer with this byte after it can be an escape of a byte that is wanted (1 in that table), at whatever
 * depth. Says so too often rather than too seldom.
 */
export function mayEscape(introducer: number, next: number, wanted: Uint8Array): boolean {
  if (introduces(next)) return true
  if (introducer === percent) return next === 0x75 || digitOf(next) < 16
  if (introducer === ampersand) return next === 0x23 || isLetter(next)
  const numbered = next === 0x78 || next === 0x75 || next === 0x55 || (next >= 0x30 && next <= 0x33)
  return numbered || wanted[controls.get(next) ?? next] === 1
}

/** The character at `at` after `layer` rounds of unescaping; what is no escape stands for itself. */
export function readCharacter(text: Uint8Array, at: number, layer: number): number {
  if (at >= text.length) return open
  const first = layer === 0 ? character(text[at] ?? 0, at + 1) : readCharacter(text, at, layer - 1)
  if (layer === 0 || first === open) return first
  switch (valueOf(first)) {
    case percent:
      return readPercent(text, first, layer - 1)
    case backslash:
      return readBackslash(text, first, layer - 1)
    case ampersand:
      return readReference(text, first, layer - 1)
    default:
      return first
  }
}

/** `%41`, and `%u0041` of the old `escape()`. */
function readPercent(text: Uint8Array, first: number, layer: number): number {
  const next = readCharacter(text, nextOf(first), layer)
  if (next === open) return open
  return valueOf(next) === 0x75
    ? readHex(text, first, nextOf(next), { layer, digits: 4 })
    : readHex(text, first, nextOf(first), { layer, digits: 2 })
}

function readHex(
  text: Uint8Array,
  first: number,
  from: number,
  { layer, digits }: { readonly layer: number; readonly digits: number },
): number {
  let value = 0
  let at = from
  for (let count = 0; count < digits; count += 1) {
    const read = readCharacter(text, at, layer)
    if (read === open) return open
    const digit = digitOf(valueOf(read))
    if (digit > 15) return first
    value = value * 16 + digit
    at = nextOf(read)
  }
  return character(value, at)
}

const controls = new Map([
  [0x62, 8],
  [0x66, 12],
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
  [0x76, 11],
])

/** `\n`, `\/`, `\x41`, `\u0041`, `\u{41}`, `\U00000041`, `\101`; any other character after it stands for itself. */
function readBackslash(text: Uint8Array, first: number, layer: number): number {
  const next = readCharacter(text, nextOf(first), layer)
  if (next === open) return open
  const letter = valueOf(next)
  const at = nextOf(next)
  if (letter === 0x78) return readHex(text, first, at, { layer, digits: 2 })
  if (letter === 0x55) return readHex(text, first, at, { layer, digits: 8 })
  if (letter === 0x75) {
    const brace = readCharacter(text, at, layer)
    if (brace === open) return open
    return valueOf(brace) === 0x7b
      ? readNumber(text, first, { layer, at: nextOf(brace), base: 16, closing: 0x7d, closed: true })
      : readHex(text, first, at, { layer, digits: 4 })
  }
  if (letter >= 0x30 && letter <= 0x33) return readOctal(text, next, layer)
  return character(controls.get(letter) ?? letter, at)
}

function readOctal(text: Uint8Array, digit: number, layer: number): number {
  let value = valueOf(digit) - 0x30
  let at = nextOf(digit)
  for (let count = 0; count < 2; count += 1) {
    const read = readCharacter(text, at, layer)
    if (read === open) return open
    const octal = valueOf(read) - 0x30
    if (octal < 0 || octal > 7) return digit
    value = value * 8 + octal
    at = nextOf(read)
  }
  return character(value, at)
}

/** More digits than any encoder writes. */
const mostDigits = 16

function readNumber(
  text: Uint8Array,
  first: number,
  number: {
    readonly layer: number
    readonly at: number
    readonly base: number
    readonly closing: number
    /** Whether the closing character must be there. */
    readonly closed: boolean
  },
): number {
  let value = 0
  let { at } = number
  for (let count = 0; count <= mostDigits; count += 1) {
    const read = readCharacter(text, at, number.layer)
    if (read === open) return open
    const digit = digitOf(valueOf(read))
    if (digit >= number.base) {
      if (count === 0) return first
      if (valueOf(read) === number.closing) return character(value, nextOf(read))
      return number.closed ? first : character(value, at)
    }
    value = Math.min(value * number.base + digit, 0x110000)
    at = nextOf(read)
  }
  return first
}

/** The names that HTML has for characters of ASCII (HTML §13.5). */
const names = {
  '\t': 'Tab',
  '\n': 'NewLine',
  '!': 'excl',
  '"': 'quot QUOT',
  '#': 'num',
  $: 'dollar',
  '%': 'percnt',
  '&': 'amp AMP',
  "'": 'apos',
  '(': 'lpar',
  ')': 'rpar',
  '*': 'ast midast',
  '+': 'plus',
  ',': 'comma',
  '-': 'hyphen dash',
  '.': 'period',
  '/': 'sol',
  ':': 'colon',
  ';': 'semi',
  '<': 'lt LT',
  '=': 'equals',
  '>': 'gt GT',
  '?': 'quest',
  '@': 'commat',
  '[': 'lsqb lbrack',
  '\\': 'bsol',
  ']': 'rsqb rbrack',
  '^': 'Hat',
  _: 'lowbar UnderBar',
  '`': 'grave DiacriticalGrave',
  '{': 'lcub lbrace',
  '|': 'verbar vert VerticalLine',
  '}': 'rcub rbrace',
  ' ': 'nbsp',
}
/** Those that go without a semicolon too. */
const unended = new Set(['quot', 'QUOT', 'amp', 'AMP', 'lt', 'LT', 'gt', 'GT', 'nbsp'])

interface NameNode {
  readonly next: Map<number, NameNode>
  value?: number
  unended?: boolean
}

const nameRoot = nodesOf(names)

function nodesOf(named: Readonly<Record<string, string>>): NameNode {
  const root: NameNode = { next: new Map() }
  for (const [value, words] of Object.entries(named)) {
    for (const word of words.split(' ')) {
      let node = root
      for (const letter of Buffer.from(word)) {
        const child = node.next.get(letter) ?? { next: new Map<number, NameNode>() }
        node.next.set(letter, child)
        node = child
      }
      node.value = value.charCodeAt(0)
      node.unended = unended.has(word)
    }
  }
  return root
}

function readReference(text: Uint8Array, first: number, layer: number): number {
  const hash = readCharacter(text, nextOf(first), layer)
  if (hash === open) return open
  if (valueOf(hash) !== 0x23) return readName(text, first, layer)
  const mark = readCharacter(text, nextOf(hash), layer)
  if (mark === open) return open
  const hex = valueOf(mark) === 0x78 || valueOf(mark) === 0x58
  const at = hex ? nextOf(mark) : nextOf(hash)
  return readNumber(text, first, { layer, at, base: hex ? 16 : 10, closing: 0x3b, closed: false })
}

function readName(text: Uint8Array, first: number, layer: number): number {
  let node = nameRoot
  let found = first
  let at = nextOf(first)
  for (;;) {
    const read = readCharacter(text, at, layer)
    if (read === open) return open
    const value = valueOf(read)
    if (value === 0x3b && node.value !== undefined) return character(node.value, nextOf(read))
    const child = node.next.get(value)
    if (child === undefined) return found
    node = child
    at = nextOf(read)
    if (node.unended === true) found = character(node.value ?? other, at)
  }
}

function isLetter(value: number): boolean {
  return (value >= 0x41 && value <= 0x5a) || (value >= 0x61 && value <= 0x7a)
}

/** 0 to 15, or more for what is no digit. */
function digitOf(value: number): number {
  if (value >= 0x30 && value <= 0x39) return value - 0x30
  const letter = value | 0x20
  return letter >= 0x61 && letter <= 0x66 && value < 0x80 ? letter - 0x57 : 16
}
