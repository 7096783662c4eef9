import { maxInterim, TransportError } from '../transport.ts'
import { ChunkedBody } from './chunked-body.ts'
import { type FieldNames, fieldValue, isFieldValue } from './field.ts'

/** Where a response goes to, piece by piece. */
export interface ParserSink {
  /** `more`: a piece of the body, or the end, follows in the same run. */
  onHead(status: number, head: readonly string[], more: boolean): void
  /** `last`: the message ends with these bytes. */
  onBody(bytes: Buffer, last: boolean): void
  /** The message is complete. */
  onMessageEnd(): void
}

/** A header beyond this is refused, one message or all its interim ones together. */
const maxHeadBytes = 32_768

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const decimal = /^\d{1,15}$/
const none = Buffer.alloc(0)
const headEnd = Buffer.from('\r\n\r\n')

type Body =
  | { readonly kind: 'length'; left: number }
  | { readonly kind: 'chunked'; readonly chunks: ChunkedBody }
  | { readonly kind: 'until-close' }

/**
 * Reads responses of HTTP/1.x, strictly (RFC 9112): one reading of every message, or none. Refused are two lengths,
 * a length beside a transfer coding, any coding but `chunked`, folded lines, bare CR or LF, space before a colon,
 * controls, versions above 1.1, switching of protocols, and heads without end.
 */
export class ResponseParser {
  readonly #sink: ParserSink
  readonly #names: FieldNames
  #method = ''
  #active = false
  #body: Body | undefined
  /** Bytes of a head that is not complete yet. */
  #held: Buffer = none
  #headBytes = 0
  #interim = 0
  #keepAlive = false
  #keepSeconds: number | undefined

  constructor(sink: ParserSink, names: FieldNames) {
    this.#sink = sink
    this.#names = names
  }

  /** Expect the response to a request of this method. */
  begin(method: string): void {
    this.#method = method
    this.#active = true
    this.#body = undefined
    this.#headBytes = 0
    this.#interim = 0
    this.#keepAlive = false
  }

  /** Whether the last message allows another one on its connection. */
  get keepAlive(): boolean {
    return this.#keepAlive && !this.#active && this.#held.length === 0
  }

  /** For how long the downstream said it keeps the connection, in whole seconds (`Keep-Alive: timeout=5`). */
  get keepSeconds(): number | undefined {
    return this.#keepSeconds
  }

  /** @throws TransportError with code MALFORMED */
  execute(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      // What follows a complete message answers no request: it is nobody's, and the connection is spent.
      if (!this.#active) {
        this.#keepAlive = false
        return
      }
      at = this.#body === undefined ? this.#readHead(bytes, at) : this.#readBody(this.#body, bytes, at)
    }
  }

  /** The downstream ends its side. @throws TransportError with code CLOSED if that cuts a message */
  finish(): void {
    if (!this.#active) return
    if (this.#body?.kind !== 'until-close') throw new TransportError('CLOSED', 'closed before the end')
    this.#sink.onBody(none, true)
    this.#end()
  }

  #readHead(bytes: Buffer, from: number): number {
    const held = this.#held
    const all = held.length === 0 ? bytes : Buffer.concat([held, bytes.subarray(from)])
    const start = held.length === 0 ? from : 0
    // A line end may have been cut in two, so the search begins a little before what is new.
    const end = all.indexOf(headEnd, Math.max(start, held.length - 3))
    const size = (end === -1 ? all.length : end + 4) - start
    if (this.#headBytes + size > maxHeadBytes) throw malformed('head too large')
    if (end === -1) {
      this.#held = Buffer.from(all.subarray(start))
      return bytes.length
    }
    this.#held = none
    this.#headBytes += size
    this.#takeHead(all.toString('latin1', start, end), end + 4 < all.length)
    return end + 4 - start - held.length + from
  }

  #takeHead(text: string, follows: boolean): void {
    const lineEnd = text.indexOf('\r\n')
    const line = statusLine.exec(lineEnd === -1 ? text : text.slice(0, lineEnd))
    if (line === null) throw malformed('status line')
    const status = Number(line[2])
    const head = lineEnd === -1 ? [] : this.#readFields(text, lineEnd + 2)
    if (status < 200) {
      this.#interim += 1
      if (status === 101 || this.#interim > maxInterim) throw malformed('interim response')
      return
    }
    const framing = readFraming(head)
    const http10 = line[1] === '0'
    if (http10 && framing.chunked) throw malformed('transfer coding of HTTP/1.0')
    this.#keepAlive = !http10 && !framing.close
    this.#keepSeconds = framing.keepSeconds
    const body = this.#bodyOf(status, framing)
    this.#sink.onHead(status, head, body === undefined || (follows && body.kind === 'length'))
    if (body === undefined) this.#end()
    else this.#body = body
  }

  #readFields(text: string, from: number): string[] {
    const head: string[] = []
    for (let at = from; at < text.length + 2; ) {
      const found = text.indexOf('\r\n', at)
      const end = found === -1 ? text.length : found
      const colon = text.indexOf(':', at)
      if (colon === -1 || colon > end) throw malformed('header line')
      const name = this.#names.of(text.slice(at, colon))
      const value = fieldValue(text, colon + 1, end)
      if (name === undefined || !isFieldValue(value)) throw malformed('header field')
      head.push(name, value)
      at = end + 2
    }
    return head
  }

  /** RFC 9112 §6.3; undefined: there is none. */
  #bodyOf(status: number, { chunked, length }: Framing): Body | undefined {
    if (this.#method === 'HEAD' || status === 204 || status === 304) {
      // Some send the body all the same, and it would be read as the answer to the next request.
      if (chunked || (length !== undefined && length > 0)) this.#keepAlive = false
      return undefined
    }
    if (chunked) return { kind: 'chunked', chunks: new ChunkedBody(maxHeadBytes) }
    if (length === undefined) {
      this.#keepAlive = false
      return { kind: 'until-close' }
    }
    return length === 0 ? undefined : { kind: 'length', left: length }
  }

  #readBody(body: Body, bytes: Buffer, from: number): number {
    if (body.kind === 'chunked') return this.#readChunked(body.chunks, bytes, from)
    if (body.kind === 'until-close') {
      this.#sink.onBody(from === 0 ? bytes : bytes.subarray(from), false)
      return bytes.length
    }
    const taken = Math.min(body.left, bytes.length - from)
    body.left -= taken
    const piece = taken === bytes.length ? bytes : bytes.subarray(from, from + taken)
    this.#sink.onBody(piece, body.left === 0)
    if (body.left === 0) this.#end()
    return from + taken
  }

  #readChunked(chunks: ChunkedBody, bytes: Buffer, from: number): number {
    const at = chunks.execute(bytes, from, (piece) => this.#sink.onBody(piece, false))
    if (chunks.complete) this.#end()
    return at
  }

  #end(): void {
    if (!this.#active) return
    this.#active = false
    this.#body = undefined
    this.#sink.onMessageEnd()
  }
}

interface Framing {
  readonly chunked: boolean
  readonly length: number | undefined
  readonly close: boolean
  readonly keepSeconds: number | undefined
}

/** @throws TransportError where the end of the body could be read in two ways */
function readFraming(head: readonly string[]): Framing {
  let chunked = false
  let length: number | undefined
  let close = false
  let keepSeconds: number | undefined
  for (let index = 0; index < head.length; index += 2) {
    const name = head[index]
    const value = head[index + 1] ?? ''
    if (name === 'content-length') {
      if (length !== undefined || !decimal.test(value)) throw malformed('content-length')
      length = Number(value)
    } else if (name === 'transfer-encoding') {
      if (chunked || value.toLowerCase() !== 'chunked') throw malformed('transfer-encoding')
      chunked = true
    } else if (name === 'connection') {
      close ||= value !== 'keep-alive' && /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(value)
    } else if (name === 'keep-alive') keepSeconds = readKeepSeconds(value)
  }
  if (chunked && length !== undefined) throw malformed('length beside chunked')
  return { chunked, length, close, keepSeconds }
}

function readKeepSeconds(value: string): number | undefined {
  const seconds = /(?:^|[,; \t])timeout=(\d{1,6})/i.exec(value)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}

function malformed(what: string): TransportError {
  return new TransportError('MALFORMED', what)
}
