/**
 * What the first bytes of a client are: `more` are needed to tell, `refused` for anything but one whole TLS ClientHello
 * that names at most one host in clear.
 */
export type Hello = 'more' | 'refused' | { readonly host: string | undefined }

/** Post-quantum key shares make some 2 KiB of it, session tickets as much again. */
const maxBytes = 16_384
/** An honest client needs one; some cut it in two or three on purpose. */
const maxRecords = 16
const handshake = 22
const clientHello = 1
const serverName = 0
/** Encrypted ClientHello (RFC 9849 §5), and its forerunner: they name another host inside than outside. */
const hidesName = new Set([0xfe0d, 0xffce])
const hostForm = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/

/** Reads a ClientHello (RFC 8446 §4.1.2, §5.1; RFC 6066 §3) from the start of what a client sent. Pure. */
export function readClientHello(bytes: Buffer): Hello {
  const message = readMessage(bytes)
  if (typeof message === 'string') return message
  try {
    return readBody(new Reader(message))
  } catch {
    return 'refused'
  }
}

/** Whether a server answers in TLS: its first record is of a handshake or an alert. */
export function beginsTls(bytes: Buffer): boolean {
  return (bytes[0] === handshake || bytes[0] === 21) && (bytes.length < 2 || bytes[1] === 3)
}

/** The body of the one handshake message, which may come in several records; what is wrong is told at once. */
function readMessage(bytes: Buffer): Buffer | 'more' | 'refused' {
  let message = Buffer.alloc(0)
  let at = 0
  for (let records = 0; records < maxRecords; records += 1) {
    if (!couldBeRecord(bytes, at)) return 'refused'
    if (bytes.length < at + 5) return 'more'
    const length = bytes.readUInt16BE(at + 3)
    const promised = message.length + length
    const part = bytes.subarray(at + 5, at + 5 + length)
    message = Buffer.concat([message, part])
    const size = sizeOf(message)
    // Nothing may follow in the same record (RFC 8446 §5.1); what follows in the next is the tunnel's.
    if (length === 0 || size === 'refused' || promised > (size ?? maxBytes)) return 'refused'
    if (message.length === size) return message.subarray(4)
    if (part.length < length) return 'more'
    at += 5 + length
  }
  return 'refused'
}

/** The size of a message with its header, as soon as that is there. */
function sizeOf(message: Buffer): number | 'refused' | undefined {
  if (message.length > 0 && message[0] !== clientHello) return 'refused'
  if (message.length < 4) return undefined
  const size = 4 + message.readUIntBE(1, 3)
  return size > maxBytes ? 'refused' : size
}

/** As far as its bytes are there: a handshake record of TLS 1.0 to 1.3. */
function couldBeRecord(bytes: Buffer, at: number): boolean {
  const [type = handshake, major = 3, minor = 3] = bytes.subarray(at, at + 3)
  return type === handshake && major === 3 && minor >= 1 && minor <= 3
}

function readBody(body: Reader): Hello {
  if (body.number(1) !== 3) return 'refused'
  body.take(1 + 32)
  body.vector(1)
  body.vector(2)
  body.vector(1)
  if (body.ended()) return { host: undefined }
  const extensions = new Reader(body.vector(2))
  if (!body.ended()) return 'refused'
  const seen = new Set<number>()
  let host: string | undefined
  while (!extensions.ended()) {
    const type = extensions.number(2)
    const data = extensions.vector(2)
    if (seen.has(type) || hidesName.has(type)) return 'refused'
    seen.add(type)
    if (type === serverName) host = readServerName(data)
  }
  return { host }
}

/** @throws RangeError for anything but one host name */
function readServerName(data: Buffer): string {
  const outer = new Reader(data)
  const list = new Reader(outer.vector(2))
  const kind = list.number(1)
  const host = list.vector(2).toString('latin1').toLowerCase()
  if (kind !== 0 || !list.ended() || !outer.ended() || !hostForm.test(host))
    throw new RangeError('no one host name')
  return host
}

/** Reads on from the start; what reaches beyond the end throws. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  ended(): boolean {
    return this.#at === this.#bytes.length
  }

  take(size: number): Buffer {
    if (this.#at + size > this.#bytes.length) throw new RangeError('beyond the end')
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }

  number(size: number): number {
    return this.take(size).readUIntBE(0, size)
  }

  /** What follows a length of `size` bytes. */
  vector(size: number): Buffer {
    return this.take(this.number(size))
  }
}
