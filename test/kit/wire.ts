/**
 * HTTP/1.1 messages read from bytes as RFC 9112 has it and not a hair wider: whatever could be read in two ways is a
 * fault. Written for tests, so that what we send is judged by another reader than those that we use.
 */

export interface WireMessage {
  /** Request line or status line, without its end. */
  readonly start: string
  /** Name, value, name, value …, as they stood. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

export interface WireRead {
  readonly messages: readonly WireMessage[]
  /** Bytes of a message that has not ended. */
  readonly rest: Buffer
  /** Why what follows `messages` is no HTTP/1.1 message. */
  readonly fault?: string
}

export function header({ headers }: Pick<WireMessage, 'headers'>, name: string): readonly string[] {
  return headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name)
}

class Fault extends Error {}
/** More bytes are needed. */
class Short extends Error {}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

function line(cursor: Cursor): string {
  const end = cursor.bytes.indexOf('\r\n', cursor.at, 'latin1')
  const text = cursor.bytes.toString('latin1', cursor.at, end === -1 ? cursor.bytes.length : end)
  // A carriage return may be the first half of an end that has not come yet.
  if (/[\r\n\0]/.test(end === -1 ? text.replace(/\r$/, '') : text)) throw new Fault('a bare CR, LF or NUL')
  if (end === -1) throw new Short()
  cursor.at = end + 2
  return text
}

function fields(cursor: Cursor): string[] {
  const found: string[] = []
  for (let text = line(cursor); text !== ''; text = line(cursor)) {
    const field =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*$/.exec(
        text,
      )
    if (field === null) throw new Fault(`not a field line: ${JSON.stringify(text)}`)
    found.push(field[1]!, field[2]!)
  }
  return found
}

function take(cursor: Cursor, count: number): Buffer {
  if (cursor.at + count > cursor.bytes.length) throw new Short()
  cursor.at += count
  return cursor.bytes.subarray(cursor.at - count, cursor.at)
}

function chunks(cursor: Cursor): Buffer {
  const parts: Buffer[] = []
  for (;;) {
    const size = line(cursor)
    if (!/^[0-9A-Fa-f]{1,8}$/.test(size)) throw new Fault(`not a chunk size: ${JSON.stringify(size)}`)
    const length = Number.parseInt(size, 16)
    if (length === 0) break
    parts.push(take(cursor, length))
    if (line(cursor) !== '') throw new Fault('a chunk longer than its size')
  }
  if (fields(cursor).length > 0) throw new Fault('trailers')
  return Buffer.concat(parts)
}

/** How the body is framed: a length, chunks, or neither. */
function framing(headers: readonly string[]): number | 'chunked' | undefined {
  const lengths = header({ headers }, 'content-length')
  const codings = header({ headers }, 'transfer-encoding')
  if (lengths.length + codings.length > 1) throw new Fault('more than one framing')
  const [length] = lengths
  const [coding] = codings
  if (coding !== undefined && coding !== 'chunked') throw new Fault(`a coding: ${coding}`)
  if (coding !== undefined) return 'chunked'
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new Fault(`a length: ${length}`)
  return length === undefined ? undefined : Number(length)
}

function read(bytes: Buffer, one: (cursor: Cursor) => WireMessage): WireRead {
  const cursor = { bytes, at: 0 }
  const messages: WireMessage[] = []
  let done = 0
  try {
    while (cursor.at < bytes.length) {
      messages.push(one(cursor))
      done = cursor.at
    }
  } catch (error) {
    if (error instanceof Fault) return { messages, rest: bytes.subarray(done), fault: error.message }
    if (!(error instanceof Short)) throw error
  }
  return { messages, rest: bytes.subarray(done) }
}

/** What one connection carried towards a server. */
export function readRequests(bytes: Buffer): WireRead {
  return read(bytes, (cursor) => {
    const start = line(cursor)
    if (!/^[A-Z]+ \/[\x21-\x7e]* HTTP\/1\.1$/.test(start))
      throw new Fault(`a request line: ${JSON.stringify(start)}`)
    const headers = fields(cursor)
    const framed = framing(headers)
    const body =
      framed === 'chunked' ? chunks(cursor) : framed === undefined ? Buffer.alloc(0) : take(cursor, framed)
    return { start, headers, body }
  })
}

/**
 * What one connection carried towards a client that had asked by these methods, in order. `ended` says that the server
 * has closed it, which ends a message that has no framing of its own.
 */
export function readResponses(bytes: Buffer, methods: readonly string[], ended: boolean): WireRead {
  let count = 0
  return read(bytes, (cursor) => {
    const method = methods[count]
    if (method === undefined) throw new Fault('an answer that nobody asked for')
    let start = line(cursor)
    // Node's server says this by itself to a caller who expects it, before anything is judged.
    if (start === 'HTTP/1.1 100 Continue' && line(cursor) === '') start = line(cursor)
    const status = /^HTTP\/1\.1 ([2-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/.exec(start)?.[1]
    if (status === undefined) throw new Fault(`a status line: ${JSON.stringify(start)}`)
    const headers = fields(cursor)
    const framed = framing(headers)
    if (framed !== undefined && status === '204') throw new Fault('a framing of nothing')
    count += 1
    const none = method === 'HEAD' || status === '204' || status === '304'
    if (none || framed === 0) return { start, headers, body: Buffer.alloc(0) }
    if (framed === 'chunked') return { start, headers, body: chunks(cursor) }
    if (framed !== undefined) return { start, headers, body: take(cursor, framed) }
    if (header({ headers }, 'connection')[0] !== 'close') throw new Fault('an answer without an end')
    if (!ended) throw new Short()
    return { start, headers, body: take(cursor, bytes.length - cursor.at) }
  })
}
