/**
 * The bytes of all lines since the last one that the disk has. They are kept until then, so that a failed
 * fdatasync(2), after which the kernel may forget them, can be made good in a new segment.
 */
export class LineBuffer {
  #bytes = Buffer.allocUnsafeSlow(256 * 1024)
  #synced = 0
  #written = 0
  #end = 0
  /** What to add to an index to get a position that stays when bytes are moved. */
  #base = 0

  /** Add a line of ASCII text. */
  add(line: string): void {
    const length = line.length + 1
    if (this.#end + length > this.#bytes.length) this.#makeRoom(length)
    this.#bytes.write(line, this.#end, 'latin1')
    this.#end += length
    this.#bytes[this.#end - 1] = 0x0a
  }

  /** Hand what was added to `take`, however many calls that takes. Returns the number of bytes. */
  writeOut(take: (bytes: Uint8Array, offset: number, length: number) => number): number {
    const length = this.#end - this.#written
    let offset = this.#written
    while (offset < this.#end) {
      const taken = take(this.#bytes, offset, this.#end - offset)
      if (taken <= 0) throw new Error('write took nothing')
      offset += taken
    }
    this.#written = this.#end
    return length
  }

  /** Forget what was added but not written. */
  discard(): void {
    this.#end = this.#written
  }

  /** How many bytes were written that the disk may not have. */
  get unsynced(): number {
    return this.#written - this.#synced
  }

  unsyncedBytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#synced, this.#written))
  }

  /** The position up to which bytes are written now, for `synced`. */
  mark(): number {
    return this.#base + this.#written
  }

  /** The disk has everything up to `mark`. */
  synced(mark: number): void {
    this.#synced = Math.max(this.#synced, mark - this.#base)
    if (this.#synced === this.#end) this.#shift()
  }

  #shift(): void {
    this.#bytes.copyWithin(0, this.#synced, this.#end)
    this.#base += this.#synced
    this.#written -= this.#synced
    this.#end -= this.#synced
    this.#synced = 0
  }

  #makeRoom(length: number): void {
    if (this.#synced > 0) this.#shift()
    if (this.#end + length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#end + length))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}
