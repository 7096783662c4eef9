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
    const hash = this.#hash(text, at)
    return this.#has(hash & this.#mask) && this.#has((hash >>> 16) & this.#mask)
  }

  #hash(text: Uint8Array, at: number): number {
    const first = (coarse[text[at] ?? 0] ?? 0) | ((coarse[text[at + 1] ?? 0] ?? 0) << 8)
    if (this.#length === 2) return mixed(first)
    return mixed(first | ((coarse[text[at + 2] ?? 0] ?? 0) << 16) | ((coarse[text[at + 3] ?? 0] ?? 0) << 24))
  }

  #has(bit: number): boolean {
    return ((this.#bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0
  }

  #add(hash: number): void {
    for (const bit of [hash & this.#mask, (hash >>> 16) & this.#mask]) {
      this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] ?? 0) | (1 << (bit & 7))
    }
  }
}

/** Spreads the bits of 32 over all of them. */
function mixed(value: number): number {
  const once = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  const twice = Math.imul(once ^ (once >>> 12), 0x297a2d39)
  return (twice ^ (twice >>> 15)) >>> 0
}
