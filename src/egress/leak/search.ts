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
 * escapes, and at the text's end, every place is tried.
 */
export class Search {
  /** No shorter text can hold a needle. */
  readonly shortest: number
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
    this.shortest = Math.min(...lengths)
    this.#needles = needles
    this.#reach = longest + 2 * Math.ceil(longest / 16)
    this.#step = Math.min(mostSampled, ...needles.map(together)) - 3
    this.#pieces = Pieces.of(needles, 4)
    this.#pairs = Pieces.of(
      needles.map(({ bytes, ...rest }) => ({ ...rest, bytes: bytes.subarray(0, 2) })),
      2,
    )
    this.#escapes = escapesOf(needles)
    this.#begins = Uint8Array.from({ length: 256 }, (_, byte) =>
      needles.some(({ bytes, fold }) => fold[byte] === bytes[0]) ? 1 : 0,
    )
  }

  /** Whether a needle stands in a text of Latin-1. */
  standsIn(text: string): boolean {
    return text.length >= this.shortest && this.find(Buffer.from(text, 'latin1')) === hit
  }

  /**
   * `hit`, or where the longest tail begins that may be the beginning of a needle (the text's length where there is
   * none). What stands before that need not be seen again.
   */
  find(text: Uint8Array): number {
    const end = text.length
    const reach = this.#reach
    this.#openAt = end
    for (let at = 0; at + 4 <= end; at += this.#step) {
      if (this.#pieces.have(text, at) && this.#tries(text, at - reach, at + 1)) return hit
    }
    let tried = 0
    const escapes = new Introducers(text)
    for (let at = escapes.at; at < end; at = escapes.pass()) {
      if (!this.#mayEscape(text[at] ?? 0, text[at + 1])) continue
      const from = at >= 4 && this.#parts(text, at) ? at - 3 : at - reach
      if (this.#tries(text, Math.max(tried, from), at + 1)) return hit
      tried = at + 1
    }
    return this.#tries(text, Math.max(tried, end - reach), end) ? hit : this.#openAt
  }

  #mayEscape(introducer: number, next: number | undefined): boolean {
    return next === undefined || this.#escapes[rowOf(introducer) + next] === 1
  }

  /** Whether the four bytes before `at` stand in no needle, so that none can reach over them. */
  #parts(text: Uint8Array, at: number): boolean {
    for (let before = at - 4; before < at; before += 1) if (isBreak(text[before] ?? 0)) return false
    return !this.#pieces.have(text, at - 4)
  }

  /** Tries each place from `from` on, up to but not including `to`. */
  #tries(text: Uint8Array, from: number, to: number): boolean {
    for (let at = Math.max(from, 0); at < to; at += 1) {
      if (this.#mayBegin(text, at) && this.#standsAt(text, at)) return true
    }
    return false
  }

  #mayBegin(text: Uint8Array, at: number): boolean {
    const first = text[at] ?? 0
    if (introduces(first)) return this.#escapedMayBegin(text, at)
    if (this.#begins[first] === 0) return false
    if (at + 1 >= text.length) return true
    const next = text[at + 1] ?? 0
    return introduces(next) || this.#pairs.have(text, at)
  }

  /** The same of a character that may be an escape. */
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

/** Where the bytes after an introducer stand in a table of all. */
function rowOf(introducer: number): number {
  return introducers.indexOf(introducer) << 8
}

function escapesOf(needles: readonly Needle[]): Uint8Array {
  const wanted = Uint8Array.from({ length: 256 }, (_, byte) => (isBreak(byte) ? 1 : 0))
  for (const { bytes, fold } of needles) {
    const has = new Set(bytes)
    for (const [byte, folded] of fold.entries()) if (has.has(folded)) wanted[byte] = 1
  }
  const table = new Uint8Array(introducers.length * 256)
  for (const introducer of introducers) {
    for (let next = 0; next < 256; next += 1) {
      // One that a needle has stands for itself too.
      const may = wanted[introducer] === 1 || mayEscape(introducer, next, (value) => wanted[value] === 1)
      table[rowOf(introducer) + next] = may ? 1 : 0
    }
  }
  return table
}

/** How much of a needle stands together, however lines are broken. */
function together({ bytes, broken }: Needle): number {
  return broken && bytes.length >= shortestBroken ? Math.floor(bytes.length / 2) : bytes.length
}

/** Goes from one place where an escape may begin to the next; the search for a byte is the engine's own. */
class Introducers {
  /** The text's length after the last one. */
  at = 0
  readonly #text: Uint8Array
  readonly #next: number[]

  constructor(text: Uint8Array) {
    this.#text = text
    this.#next = introducers.map((introducer) => find(text, introducer, 0))
    this.at = Math.min(...this.#next)
  }

  pass(): number {
    const next = this.#next
    const row = next.indexOf(this.at)
    next[row] = find(this.#text, introducers[row] ?? 0, this.at + 1)
    this.at = Math.min(...next)
    return this.at
  }
}

function find(text: Uint8Array, byte: number, from: number): number {
  const at = text.indexOf(byte, from)
  return at === -1 ? text.length : at
}
