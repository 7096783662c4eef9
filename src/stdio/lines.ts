const lineFeed = 0x0a
const none = Buffer.alloc(0)

/**
 * Cuts what a child writes into lines, without their ends. Of a line under way no more is kept than `maxBytes`. Pieces are
 * copied into one buffer, so that a line that comes byte by byte costs no more than one that comes at once.
 */
export class Lines {
  readonly #maxBytes: number
  readonly #line: (bytes: Buffer) => void
  /** Told once for each line that is longer; its rest is dropped. */
  readonly #tooLong: (begun: Buffer) => void
  #held: Buffer = none
  #size = 0
  #dropping = false

  constructor(maxBytes: number, line: (bytes: Buffer) => void, tooLong: (begun: Buffer) => void) {
    this.#maxBytes = maxBytes
    this.#line = line
    this.#tooLong = tooLong
  }

  push(chunk: Buffer): void {
    let begun = 0
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, begun)) {
      this.#add(chunk.subarray(begun, end))
      if (!this.#dropping) this.#line(this.#take())
      this.#dropping = false
      begun = end + 1
    }
    this.#add(chunk.subarray(begun))
  }

  /** What stands behind the last line end. */
  end(): void {
    if (this.#size > 0) this.#line(this.#take())
  }

  #add(piece: Buffer): void {
    if (this.#dropping || piece.length === 0) return
    const size = this.#size + piece.length
    if (size > this.#maxBytes) {
      this.#keep(piece.subarray(0, this.#maxBytes - this.#size))
      this.#dropping = true
      this.#tooLong(this.#take())
      return
    }
    this.#keep(piece)
  }

  #keep(piece: Buffer): void {
    const size = this.#size + piece.length
    if (size > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, Math.min(2 * size, this.#maxBytes)))
      this.#held.copy(larger, 0, 0, this.#size)
      this.#held = larger
    }
    piece.copy(this.#held, this.#size)
    this.#size = size
  }

  /** All of it, which is the taker's from then on; without the CR of a CR LF. */
  #take(): Buffer {
    const line = this.#held.subarray(0, this.#size)
    this.#held = none
    this.#size = 0
    return line.at(-1) === 0x0d ? line.subarray(0, -1) : line
  }
}
