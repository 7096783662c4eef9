import { TransportError } from '../transport.ts'

/** A size in hex, and extensions, which are read over (RFC 9112 §7.1.1). */
const sizeLine = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/
const trailerLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/

type Step = 'size' | 'data' | 'data-end' | 'trailer' | 'complete'

/** Reads one body of the chunked transfer coding (RFC 9112 §7.1). Extensions and trailers are judged and dropped. */
export class ChunkedBody {
  readonly #maxLineBytes: number
  #step: Step = 'size'
  #left = 0
  /** A line that is not complete yet, and how many bytes of lines were read that carry no data. */
  #line = ''
  #overhead = 0

  /** `maxLineBytes`: how much may come in extensions and trailers, all together, before more data does. */
  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes
  }

  get complete(): boolean {
    return this.#step === 'complete'
  }

  /** Returns how far it has read. @throws TransportError with code MALFORMED */
  execute(bytes: Buffer, from: number, data: (piece: Buffer) => void): number {
    let at = from
    while (at < bytes.length && this.#step !== 'complete') {
      at = this.#step === 'data' ? this.#takeData(bytes, at, data) : this.#takeLine(bytes, at)
    }
    return at
  }

  #takeData(bytes: Buffer, from: number, data: (piece: Buffer) => void): number {
    const end = Math.min(bytes.length, from + this.#left)
    this.#left -= end - from
    if (this.#left === 0) this.#step = 'data-end'
    this.#overhead = 0
    data(bytes.subarray(from, end))
    return end
  }

  #takeLine(bytes: Buffer, from: number): number {
    const feed = bytes.indexOf(0x0a, from)
    const end = feed === -1 ? bytes.length : feed + 1
    this.#overhead += end - from
    if (this.#overhead > this.#maxLineBytes) throw malformed('chunk lines too long')
    this.#line += bytes.toString('latin1', from, end)
    if (feed === -1) return end
    if (!this.#line.endsWith('\r\n')) throw malformed('line end')
    const line = this.#line.slice(0, -2)
    this.#line = ''
    this.#readLine(line)
    return end
  }

  #readLine(line: string): void {
    if (this.#step === 'data-end') {
      if (line !== '') throw malformed('chunk longer than its size')
      this.#step = 'size'
    } else if (this.#step === 'size') {
      const size = sizeLine.exec(line)?.[1]
      if (size === undefined) throw malformed('chunk size')
      this.#left = Number.parseInt(size, 16)
      this.#step = this.#left === 0 ? 'trailer' : 'data'
    } else if (line === '') this.#step = 'complete'
    else if (!trailerLine.test(line)) throw malformed('trailer')
  }
}

function malformed(what: string): TransportError {
  return new TransportError('MALFORMED', what)
}
