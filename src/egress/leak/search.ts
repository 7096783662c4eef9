import { compare, isBreak } from './compare.ts'
import { depth, introducers, introduces, mayEscape, open, readCharacter, valueOf } from './escapes.ts'
import { type Needle, shortestBroken } from './needles.ts'
import { Pieces } from './pieces.ts'

/** A needle stands in the text. */
export const hit = -1

const mostSampled = 32

/**
 * Looks for the forms of one credential. A text is looked at in steps: each needle has a run of bytes that no line
 * break parts, so a piece of it stands at one of the places where the steps fall. Where a known piece stands, around
 * escapes, and at the end of what is not complete, every place is tried.
 */
export class Search {
  /** No shorter text can hold a needle. */
  readonly #shortest: number
  readonly #needles: readonly Needle[]
  readonly #step: number
  /** The most that a needle without escapes takes, with its line breaks. */
  readonly #reach: number
  readonly #pieces: Pieces
  /** By byte, whether a needle may begin with it. */
  readonly #begins: Uint8Array
  readonly #pairs: Pieces
  /** By introducer and the byte after it, whether the two may be of an escape that matters. */
  readonly #escapes: Uint8Array
  #openAt = 0

  constructor(needles: readonly Needle[]) {
    const lengths = needles.map(({ bytes }) => bytes.length)
    const longest = Math.max(...lengths)
    this.#shortest = Math.min(...lengths)
    this.#needles = needles
    this.#reach = longest + 2 * Math.ceil(longest / 16)
    this.#step = Math.min(mostSampled, ...needles.map(together)) - 3
    this.#pieces = Pieces.of(needles, 4)
    this.#pairs = Pieces.of(
      needles.map(({ bytes, ...rest }) => ({ ...rest, bytes: bytes.subarray(0, 2) })),
      2,
    )
    this.#begins = beginningsOf(needles)
    this.#escapes = escapesOf(needles)
  }

  /** Whether a needle stands in a text of Latin-1 that is complete. */
  standsInText(text: string): boolean {
    if (text.length < this.#shortest) return false
    for (let at = 0; at < text.length; at += 1) {
      if (introduces(text.charCodeAt(at))) return this.standsIn(Buffer.from(text, 'latin1'))
    }
    for (let at = 0; at + 4 <= text.length; at += this.#step) {
      if (this.#pieces.haveOf(text, at)) return this.standsIn(Buffer.from(text, 'latin1'))
    }
    return false
  }

  /** Whether a needle stands in bytes that are complete. */
  standsIn(text: Uint8Array): boolean {
    this.#openAt = text.length
    return text.length >= this.#shortest && (this.#standsPlain(text) || this.#standsEscaped(text))
  }

  /**
   * `hit`, or where the longest tail begins that may be the beginning of a needle (the text's length where there is
   * none). What stands before that need not be seen again.
   */
  find(text: Uint8Array): number {
    const end = text.length
    this.#openAt = end
    const stands =
      this.#standsPlain(text) || this.#standsEscaped(text) || this.#tries(text, end - this.#reach, end)
    return stands ? hit : this.#openAt
  }

  #standsPlain(text: Uint8Array): boolean {
    const step = this.#step
    const last = text.length - 4
    for (let at = 0; at <= last; at += step) {
      if (this.#pieces.have(text, at) && this.#tries(text, at - this.#reach, at + 1)) return true
    }
    return false
  }

  /** Goes from one place where an escape may begin to the next; to look for a byte is quickest for the engine. */
  #standsEscaped(text: Uint8Array): boolean {
    let percent = next(text, introducers[0], 0)
    let ampersand = next(text, introducers[1], 0)
    let backslash = next(text, introducers[2], 0)
    let tried = 0
    for (;;) {
      const at = Math.min(percent, ampersand, backslash)
      if (at === text.length) return false
      if (this.#mayEscape(text[at] ?? 0, text[at + 1])) {
        const from = at >= 4 && this.#parts(text, at) ? at - 3 : at - this.#reach
        if (this.#tries(text, Math.max(tried, from), at + 1)) return true
        tried = at + 1
      }
      if (at === percent) percent = next(text, introducers[0], at + 1)
      else if (at === ampersand) ampersand = next(text, introducers[1], at + 1)
      else backslash = next(text, introducers[2], at + 1)
    }
  }

  #mayEscape(introducer: number, following: number | undefined): boolean {
    return following === undefined || this.#escapes[rowOf(introducer) + following] === 1
  }

  /** Whether the four bytes before `at` stand in no needle, so that none can reach over them. */
  #parts(text: Uint8Array, at: number): boolean {
    for (let before = at - 4; before < at; before += 1) if (isBreak(text[before] ?? 0)) return false
    return !this.#pieces.have(text, at - 4)
  }

  /** Tries each place from `from` on, up to but not including `to`. */
  #tries(text: Uint8Array, from: number, to: number): boolean {
    const begins = this.#begins
    for (let at = Math.max(from, 0); at < to; at += 1) {
      if (begins[text[at] ?? 0] !== 0 && this.#mayBegin(text, at) && this.#standsAt(text, at)) return true
    }
    return false
  }

  /** Of a place whose byte begins a needle or an escape. */
  #mayBegin(text: Uint8Array, at: number): boolean {
    if (introduces(text[at] ?? 0)) return this.#escapedMayBegin(text, at)
    return at + 1 >= text.length || introduces(text[at + 1] ?? 0) || this.#pairs.have(text, at)
  }

  #escapedMayBegin(text: Uint8Array, at: number): boolean {
    for (let layer = 0; layer <= depth; layer += 1) {
      const read = readCharacter(text, at, layer)
      if (read === open || this.#begins[valueOf(read)] === 1) return true
      if (!introduces(valueOf(read))) return false
    }
    return false
  }

  #standsAt(text: Uint8Array, at: number): boolean {
    for (const needle of this.#needles) {
      const compared = compare(text, at, needle)
      if (compared === 'hit') return true
      if (compared === 'cut' && at < this.#openAt) this.#openAt = at
    }
    return false
  }
}

/** By byte: 1 where a needle may begin with it, 2 where only an escape may. */
function beginningsOf(needles: readonly Needle[]): Uint8Array {
  const begins = standing(needles.map(({ bytes, fold }) => ({ bytes: bytes.subarray(0, 1), fold })))
  for (const introducer of introducers) begins[introducer] ||= 2
  return begins
}

/** By byte: 1 where it stands in a needle. */
function standing(needles: readonly Pick<Needle, 'bytes' | 'fold'>[]): Uint8Array {
  const byFold = new Map<Uint8Array, Uint8Array>()
  for (const { bytes, fold } of needles) {
    const has = byFold.get(fold) ?? new Uint8Array(256)
    for (const byte of bytes) has[byte] = 1
    byFold.set(fold, has)
  }
  const stands = new Uint8Array(256)
  for (const [fold, has] of byFold) {
    for (let byte = 0; byte < 256; byte += 1) if (has[fold[byte] ?? 0] === 1) stands[byte] = 1
  }
  return stands
}

/** Where the bytes after an introducer stand in a table of all. */
function rowOf(introducer: number): number {
  return introducers.indexOf(introducer) << 8
}

function escapesOf(needles: readonly Needle[]): Uint8Array {
  const wanted = standing(needles)
  const own = introducers.map((introducer) => wanted[introducer] === 1)
  for (let byte = 0; byte < 256; byte += 1) if (isBreak(byte)) wanted[byte] = 1
  const table = new Uint8Array(introducers.length << 8)
  for (const [row, introducer] of introducers.entries()) {
    for (let following = 0; following < 256; following += 1) {
      // One that a needle has stands for itself too.
      const may = own[row] === true || mayEscape(introducer, following, wanted)
      table[(row << 8) + following] = may ? 1 : 0
    }
  }
  return table
}

/** How much of a needle stands together, however lines are broken. */
function together({ bytes, broken }: Needle): number {
  return broken && bytes.length >= shortestBroken ? Math.floor(bytes.length / 2) : bytes.length
}

/** Where a byte stands next; the text's length for nowhere. */
function next(text: Uint8Array, byte: number, from: number): number {
  const at = text.indexOf(byte, from)
  return at === -1 ? text.length : at
}
