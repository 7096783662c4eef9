import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { SallyportError } from '../model/index.ts'
import type { FormReader } from './form-reader.ts'

/** What the sender has to say at the first byte of a streamed body. */
export interface FirstByte {
  /** Right before it, and so right before the header: undici writes a streamed request's header with its first chunk. */
  readonly before: () => void
  /** Right after both were written. */
  readonly after: () => void
}

/**
 * A caller's body as a transport reads it, without a buffer between. A `Readable` would emit on a later tick; here a chunk
 * goes from the caller's socket to the write at the downstream in one synchronous step, so that `before` and the
 * write of the header cannot be parted.
 */
export class StreamBody extends EventEmitter {
  destroyed = false
  bytes = 0
  readonly #source: IncomingMessage
  readonly #first: FirstByte
  readonly #form: FormReader | undefined
  readonly #idleMs: number
  #begun = false
  #wanted = true
  #frozen = false

  constructor(
    { source, form }: { readonly source: IncomingMessage; readonly form?: FormReader },
    idleMs: number,
    first: FirstByte,
  ) {
    super()
    this.#source = source
    this.#form = form
    this.#first = first
    source.on('data', this.#onData)
    source.on('end', this.#onEnd)
    source.on('close', this.#onClose)
    source.on('timeout', this.#onTimeout)
    source.pause()
    this.#idleMs = idleMs
    source.socket.setTimeout(idleMs)
  }

  resume(): this {
    this.#wanted = true
    if (!this.#frozen && !this.destroyed) this.#source.resume()
    return this
  }

  pause(): this {
    this.#wanted = false
    this.#source.pause()
    return this
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
    if (frozen) this.#source.pause()
    else if (this.#wanted) this.resume()
  }

  /** undici tells a stream by this method; nothing calls it. */
  pipe(): never {
    throw new TypeError('a request body is not piped')
  }

  destroy(): this {
    if (this.destroyed) return this
    this.destroyed = true
    this.#source.off('data', this.#onData)
    this.#source.off('end', this.#onEnd)
    this.#source.off('close', this.#onClose)
    this.#source.off('timeout', this.#onTimeout)
    this.#source.socket.setTimeout(0)
    return this
  }

  readonly #onData = (chunk: Buffer): void => {
    this.bytes += chunk.length
    if (this.#form?.overrides(chunk) === true) {
      this.#fail('method_override_refused')
    } else this.#step('data', chunk)
  }

  readonly #onEnd = (): void => {
    this.#source.socket.setTimeout(0)
    this.#step('end')
  }

  readonly #onClose = (): void => this.#fail('caller_left')

  /** Silence is the caller's fault only while it is being read. */
  readonly #onTimeout = (): void => {
    if (this.#wanted && !this.#frozen) this.#fail('caller_stalled')
    else this.#source.socket.setTimeout(this.#idleMs)
  }

  #fail(code: 'caller_left' | 'caller_stalled' | 'method_override_refused'): void {
    if (this.destroyed) return
    this.destroyed = true
    // A transport that has the whole body listens no more.
    if (this.listenerCount('error') > 0) this.emit('error', new SallyportError(code))
  }

  #step(event: 'data' | 'end', chunk?: Buffer): void {
    if (this.#begun) {
      this.emit(event, chunk)
      return
    }
    this.#begun = true
    this.#first.before()
    if (this.destroyed) return
    this.emit(event, chunk)
    this.#first.after()
  }
}
