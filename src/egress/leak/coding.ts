import type { Transform } from 'node:stream'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'

/** Content codings that can be taken off (RFC 9110 §8.4.1, RFC 7932, RFC 9659). */
export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd'

const codings = new Map<string, Coding | 'identity'>([
  ['identity', 'identity'],
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
])

/** What has to be taken off: nothing, one known coding, or `unknown` for another one and for several. */
export function codingOf(value: string): Coding | 'identity' | 'unknown' {
  const words = value.split(',').map((word) => word.trim().toLowerCase())
  const [only = 'identity', ...more] = words.filter((word) => word !== '' && word !== 'identity')
  return more.length > 0 ? 'unknown' : (codings.get(only) ?? 'unknown')
}

export interface DecoderSink {
  onDecoded(bytes: Buffer): void
  onDecodedEnd(): void
  /** What came is not of the coding, not complete, or grows beyond the bound. */
  onUndecodable(): void
  /** More can be written again. */
  onDrain(): void
}

/** Up to here any growth is fine; beyond it an answer may be this many times as long as what was received. */
const freeBytes = 8 * 1024 * 1024
const mostGrowth = 100
/** RFC 9659 §3: zstd as a content coding needs no larger window than 8 MiB. */
const zstdWindowLog = 23

/** Takes a content coding off, piece by piece, without holding more than a few pieces. */
export class Decoder {
  readonly #sink: DecoderSink
  readonly #coding: Coding
  #stream: Transform | undefined
  #received = 0
  #decoded = 0

  constructor(coding: Coding, sink: DecoderSink) {
    this.#coding = coding
    this.#sink = sink
  }

  /** False: no more before `onDrain`. */
  write(bytes: Buffer): boolean {
    if (bytes.length === 0) return true
    this.#received += bytes.length
    this.#stream ??= this.#begin(bytes)
    return this.#stream.write(bytes)
  }

  end(): void {
    // No body at all is one in any coding.
    if (this.#stream === undefined) this.#sink.onDecodedEnd()
    else this.#stream.end()
  }

  pause(): void {
    this.#stream?.pause()
  }

  resume(): void {
    this.#stream?.resume()
  }

  destroy(): void {
    this.#stream?.destroy()
  }

  #begin(bytes: Buffer): Transform {
    const stream = open(this.#coding, bytes[0] ?? 0)
    stream.on('data', (decoded: Buffer) => {
      this.#decoded += decoded.length
      if (this.#decoded > freeBytes && this.#decoded > this.#received * mostGrowth) this.#sink.onUndecodable()
      else this.#sink.onDecoded(decoded)
    })
    stream.on('end', () => this.#sink.onDecodedEnd())
    stream.on('error', () => this.#sink.onUndecodable())
    stream.on('drain', () => this.#sink.onDrain())
    return stream
  }
}

function open(coding: Coding, first: number): Transform {
  switch (coding) {
    case 'gzip':
      return createGunzip()
    case 'deflate':
      // Some servers leave the zlib header off (RFC 9110 §8.4.1.2).
      return (first & 0x0f) === 8 ? createInflate() : createInflateRaw()
    case 'br':
      return createBrotliDecompress()
    case 'zstd':
      return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } })
  }
}
