/**
 * Bytes that are gathered until they are whole. Pieces are copied into one buffer, so that a thousand of one byte each cost
 * no more memory than one of a thousand: a piece of its own is an object of a hundred bytes.
 */
export class Gathered {
  #bytes: Buffer = none
  #size = 0

  get size(): number {
    return this.#size
  }

  add(piece: Buffer): void {
    if (piece.length === 0) return
    const size = this.#size + piece.length
    if (this.#size === 0) this.#bytes = piece
    else {
      // The first piece is not ours to write behind.
      if (size > this.#bytes.length) this.#bytes = grown(this.#bytes.subarray(0, this.#size), size)
      piece.copy(this.#bytes, this.#size)
    }
    this.#size = size
  }

  /** All of it, which is the taker's from then on. */
  take(): Buffer {
    const whole = this.#bytes.subarray(0, this.#size)
    this.#bytes = none
    this.#size = 0
    return whole
  }
}

const none = Buffer.alloc(0)

function grown(bytes: Buffer, size: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(4096, 2 * size))
  bytes.copy(larger)
  return larger
}
