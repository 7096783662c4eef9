import { coarse, type Needle } from './needles.ts'

/** A needle's pieces are known up to here: enough for one that lies between two line breaks. */
const mostKnown = 128

/**
 * Which short runs of bytes stand in the needles: a Bloom filter with two places for each, so that it is small enough
 * to have one for each credential. What it has not, stands in none.
 */
export class Pieces {
  readonly #bits: Uint8Array
  readonly #mask: number
  readonly #length: 2 | 4

  private constructor(length: 2 | 4, count: number) {
    const size = Math.max(1024, 2 ** Math.ceil(Math.log2(count * 32)))
    this.#bits = new Uint8Array(size / 8)
    this.#mask = size - 1
    this.#length = length
  }

  static of(needles: readonly Needle[], length: 2 | 4): Pieces {
    const known = needles.map(({ bytes }) => bytes.subarray(0, mostKnown))
    const pieces = new Pieces(
      length,
      known.reduce((sum, bytes) => sum + bytes.length, 0),
    )
    for (const bytes of known) {
      for (let at = 0; at + length <= bytes.length; at += 1) pieces.#add(pieces.#hash(bytes, at))
    }
    return pieces
  }

  /** Whether the bytes at `at` may be a piece. They must be there. */
  have(text: Uint8Array, at: number): boolean {
    return this.#has(this.#hash(text, at))
  }

  /** The same of characters of Latin-1, four of them. */
  haveOf(text: string, at: number): boolean {
    const first = fold(text.charCodeAt(at)) | (fold(text.charCodeAt(at + 1)) << 8)
    return this.#has(
      mixed(first | (fold(text.charCodeAt(at + 2)) << 16) | (fold(text.charCodeAt(at + 3)) << 24)),
    )
  }

  #hash(text: Uint8Array, at: number): number {
    const first = fold(text[at]) | (fold(text[at + 1]) << 8)
    if (this.#length === 2) return mixed(first)
    return mixed(first | (fold(text[at + 2]) << 16) | (fold(text[at + 3]) << 24))
  }

  #has(hash: number): boolean {
    const bits = this.#bits
    const one = hash & this.#mask
    if (((bits[one >>> 3] ?? 0) & (1 << (one & 7))) === 0) return false
    const two = (hash >>> 16) & this.#mask
    return ((bits[two >>> 3] ?? 0) & (1 << (two & 7))) !== 0
  }

  #add(hash: number): void {
    for (const bit of [hash & this.#mask, (hash >>> 16) & this.#mask]) {
      this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] ?? 0) | (1 << (bit & 7))
    }
  }
}

function fold(byte: number | undefined): number {
  return coarse[byte ?? 0] ?? 0
}

/** Spreads the bits of 32 over all of them, the upper half the better. */
function mixed(value: number): number {
  const spread = Math.imul(value, 0x9e3779b1)
  return spread ^ (spread >>> 15)
}
