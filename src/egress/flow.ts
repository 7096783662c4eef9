import type { Socket } from 'node:net'

/** One direction of a tunnel: as fast as the other side takes it, and its end handed on. */
export class Flow {
  /** Written so far. */
  bytes = 0
  readonly #from: Socket
  readonly #to: Socket
  readonly #first: (chunk: Buffer) => boolean
  #started = false
  #begun = false
  #frozen = false

  /** `first` is asked about the first bytes: without its yes they go nowhere. */
  constructor(from: Socket, to: Socket, first: (chunk: Buffer) => boolean = () => true) {
    this.#from = from
    this.#to = to
    this.#first = first
    from.pause()
  }

  /** Whether anything has come. */
  get begun(): boolean {
    return this.#begun
  }

  start(frozen: boolean): void {
    this.#started = true
    this.#frozen = frozen
    this.#from.on('data', this.#onData)
    this.#from.once('end', () => this.#to.end())
    this.#to.on('drain', this.#go)
    this.#go()
  }

  write(chunk: Buffer): void {
    this.bytes += chunk.length
    if (!this.#to.write(chunk)) this.#from.pause()
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
    if (frozen) this.#from.pause()
    else if (this.#started) this.#go()
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.#begun && !this.#first(chunk)) return
    this.#begun = true
    this.write(chunk)
  }

  readonly #go = (): void => {
    if (this.#frozen || this.#to.writableNeedDrain) this.#from.pause()
    else this.#from.resume()
  }
}
