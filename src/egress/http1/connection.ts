import type { Socket } from 'node:net'
import { giveBackWritten } from '../give-back.ts'
import type { StreamBody } from '../stream-body.ts'
import { type Control, type Outgoing, type Receiver, TransportError } from '../transport.ts'
import type { FieldNames } from './field.ts'
import { readFrom } from './reading.ts'
import { writeHead } from './request-head.ts'
import { type ParserSink, ResponseParser } from './response-parser.ts'

/** What a connection tells its pool, and what it is told about time. Ticks are of the pool's own coarse clock. */
export interface ConnectionOwner {
  readonly host: string
  readonly names: FieldNames
  readonly tick: number
  /** How many ticks a downstream may take to answer, and between two pieces of its answer. */
  readonly headTicks: number
  readonly bodyTicks: number
  /** The connection can take another request. `idleTicks`: what the downstream said of how long it keeps it. */
  idle(connection: Connection, idleTicks: number | undefined): void
  gone(connection: Connection): void
}

const never = Number.POSITIVE_INFINITY
/** Servers need not read a body here (RFC 9110 §9.3.1), and one that does not takes it for the next request. */
const withoutBody = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])

/** One connection to a downstream: one request at a time, and none after a message whose end was in doubt. */
export class Connection implements ParserSink {
  /** The tick at which the pool ends this connection. */
  deadline = never
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #parser: ResponseParser
  #turn: Turn | undefined
  #upload: StreamBody | undefined
  /** Of a streamed request: it leaves with the first piece of the body, which is judged first. */
  #head: string | undefined
  #left: number | undefined
  #answered = false
  #spent = false
  #paused = false

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket
    this.#owner = owner
    this.#parser = new ResponseParser(this, owner.names)
    socket.setNoDelay(true)
    readFrom(socket, this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    socket.on('drain', this.#onDrain)
  }

  /** Writes a request. The connection must be idle. Failures are told to the receiver. */
  send(request: Outgoing, receiver: Receiver): void {
    const turn = new Turn(this, receiver)
    this.#turn = turn
    this.#answered = false
    this.deadline = this.#owner.tick + this.#owner.headTicks
    if (request.body !== null && withoutBody.has(request.method)) this.#spent = true
    try {
      const head = writeHead(request, this.#owner.host, this.#owner.names)
      this.#parser.begin(request.method)
      receiver.onStart(turn)
      // The receiver may have ended it in `onStart`.
      if (this.#turn === turn) this.#write(head, request)
    } catch (error) {
      this.#fail(error)
    }
    if (this.#turn === turn) receiver.onSent()
  }

  /** Whether this is the request that the connection is busy with. */
  serves(turn: Turn): boolean {
    return this.#turn === turn
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
    this.#touch()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
    this.#touch()
  }

  destroy(error: Error): void {
    this.#fail(error)
    this.#socket.destroy()
  }

  onHead(status: number, head: readonly string[], more: boolean): void {
    this.#answered = true
    this.#touch()
    this.#turn?.receiver.onHead(status, head, more)
  }

  onBody(bytes: Buffer, last: boolean): void {
    this.#touch()
    this.#turn?.receiver.onData(bytes, last)
  }

  onMessageEnd(): void {
    const turn = this.#turn
    const sent = this.#upload === undefined
    this.#turn = undefined
    this.#releaseUpload()
    this.deadline = never
    // An answer that came before the request was sent whole leaves the rest of that request on the connection.
    if (!sent) this.#spent = true
    turn?.receiver.onEnd()
  }

  #write(head: string, { body, length }: Outgoing): void {
    const socket = this.#socket
    if (body === null) socket.write(head, 'latin1')
    else if (body instanceof Uint8Array) {
      socket.cork()
      socket.write(head, 'latin1')
      socket.write(body)
      socket.uncork()
    } else {
      this.#head = head
      this.#stream(body, length)
    }
  }

  #stream(body: StreamBody, length: number | undefined): void {
    this.#upload = body
    this.#left = length
    body.on('data', this.#onUploadData)
    body.on('end', this.#onUploadEnd)
    body.on('error', this.#onUploadError)
    body.resume()
  }

  readonly #onUploadData = (chunk: Buffer): void => {
    const socket = this.#socket
    if (this.#left !== undefined) {
      this.#left -= chunk.length
      if (this.#left < 0) {
        this.#fail(new TransportError('CLOSED', 'more was sent than declared'))
        return
      }
    }
    socket.cork()
    this.#writeHeld()
    if (this.#left !== undefined) socket.write(chunk, giveBackWritten(chunk))
    else {
      socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
      socket.write(chunk, giveBackWritten(chunk))
      socket.write('\r\n', 'latin1')
    }
    socket.uncork()
    this.#touch()
    if (socket.writableNeedDrain) this.#upload?.pause()
  }

  readonly #onUploadEnd = (): void => {
    if (this.#left !== undefined && this.#left > 0) {
      this.#fail(new TransportError('CLOSED', 'less was sent than declared'))
      return
    }
    this.#writeHeld()
    if (this.#left === undefined) this.#socket.write('0\r\n\r\n', 'latin1')
    this.#releaseUpload()
    this.#touch()
  }

  readonly #onUploadError = (error: Error): void => {
    this.#fail(error)
  }

  #writeHeld(): void {
    const head = this.#head
    if (head === undefined) return
    this.#head = undefined
    this.#socket.write(head, 'latin1')
  }

  readonly #onDrain = (): void => {
    this.#upload?.resume()
  }

  #releaseUpload(): void {
    const upload = this.#upload
    if (upload === undefined) return
    this.#upload = undefined
    upload.off('data', this.#onUploadData)
    upload.off('end', this.#onUploadEnd)
    upload.off('error', this.#onUploadError)
  }

  readonly #onData = (bytes: Buffer): void => {
    // A downstream that speaks before it was asked answers no request of ours.
    if (this.#turn === undefined) {
      this.#retire()
      return
    }
    try {
      this.#parser.execute(bytes)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (!this.#isBusy()) this.#settle()
  }

  #isBusy(): boolean {
    return this.#turn !== undefined
  }

  readonly #onEnd = (): void => {
    try {
      if (this.#turn !== undefined) this.#parser.finish()
    } catch (error) {
      this.#fail(error)
    }
    this.#retire()
  }

  readonly #onError = (error: Error): void => {
    this.#fail(error)
  }

  readonly #onClose = (): void => {
    this.#fail(new TransportError('CLOSED', 'the connection closed'))
    this.#owner.gone(this)
  }

  /** Out of the pool now: `close` comes a moment later, and in between a request could be put on it. */
  #retire(): void {
    this.#socket.destroy()
    this.#owner.gone(this)
  }

  /** After a message: back to the pool, or ended. */
  #settle(): void {
    const reusable = !this.#spent && this.#parser.keepAlive && this.#socket.writable
    if (!reusable || this.#parser.keepSeconds === 0) {
      this.#socket.destroy()
      return
    }
    this.resume()
    this.#owner.idle(this, this.#parser.keepSeconds)
  }

  /** What is paused waits for the caller, and no downstream is blamed for that. */
  #touch(): void {
    const { tick, headTicks, bodyTicks } = this.#owner
    this.deadline = this.#paused ? never : tick + (this.#answered ? bodyTicks : headTicks)
  }

  #fail(error: unknown): void {
    const turn = this.#turn
    this.#turn = undefined
    this.#releaseUpload()
    if (turn === undefined) return
    this.#socket.destroy()
    turn.receiver.onError(error instanceof Error ? error : new TransportError('CLOSED', 'failed'))
  }
}

/** A request's hold on its connection, which ends with the request: it cannot reach the next one. */
class Turn implements Control {
  readonly receiver: Receiver
  readonly #connection: Connection

  constructor(connection: Connection, receiver: Receiver) {
    this.#connection = connection
    this.receiver = receiver
  }

  pause(): void {
    if (this.#connection.serves(this)) this.#connection.pause()
  }

  resume(): void {
    if (this.#connection.serves(this)) this.#connection.resume()
  }

  abort(error: Error): void {
    if (this.#connection.serves(this)) this.#connection.destroy(error)
  }
}
