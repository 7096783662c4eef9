import { SallyportError } from '../../model/index.ts'
import type { Control, Receiver } from '../transport.ts'
import { decodedHead, readAnswerHead } from './answer-head.ts'
import { type Coding, Decoder, type DecoderSink } from './coding.ts'
import { hit, type Search } from './search.ts'

/** Why an answer was withheld. */
export type Withheld = 'credential_reflected' | 'answer_coding_refused' | 'answer_partial_refused'

export interface Guarding {
  readonly search: Search
  /** Told once, before the answer is broken off. */
  readonly withheld: (why: Withheld, where: 'head' | 'body') => void
}

/** A tail of fewer bytes is searched anew with each piece that comes. */
const shortHold = 1024
const nothing = Buffer.alloc(0)

/**
 * Stands between the transport and the transfer, and lets through what does not hold the credential: the head after
 * every name and value was searched, of the body all but a tail that may be the credential's beginning. On a hit
 * nothing more is passed, and the request ends as failed.
 *
 * The head waits for the first piece of a body whose length is declared, and for what came with it of any other, so
 * that such a hit can still be answered. A 401 is passed as it is: the transfer shows none to the caller.
 */
export class GuardedReceiver implements Receiver, Control, DecoderSink {
  readonly #receiver: Receiver
  readonly #guarding: Guarding
  #control: Control | undefined
  #head: { readonly status: number; readonly fields: readonly string[] } | undefined
  #decoder: Decoder | undefined
  /** The tail that may be the beginning of a needle, and what came after it. */
  #held: Buffer[] | undefined
  #heldBytes = 0
  #newBytes = 0
  #over = false
  #refusal = false
  #paused = false

  constructor(receiver: Receiver, guarding: Guarding) {
    this.#receiver = receiver
    this.#guarding = guarding
  }

  onStart(control: Control): void {
    this.#control = control
    this.#receiver.onStart(this)
  }

  onSent(): void {
    this.#receiver.onSent()
  }

  onHead(status: number, fields: readonly string[], more: boolean): void {
    if (this.#over) return
    if (status === 401) {
      this.#refusal = true
      this.#receiver.onHead(status, fields, more)
      return
    }
    const { search } = this.#guarding
    if (standsInAny(fields, search)) {
      this.#withhold('credential_reflected', 'head')
      return
    }
    const { coding, partial, short } = readAnswerHead(status, fields)
    if (partial) this.#withhold('answer_partial_refused', 'head')
    else if (coding === 'unknown') this.#withhold('answer_coding_refused', 'head')
    else this.#open(status, fields, coding, short)
  }

  onData(chunk: Buffer, last: boolean): void {
    if (this.#over) return
    if (this.#refusal) this.#receiver.onData(chunk, last)
    else if (this.#decoder === undefined) this.#search(chunk, last)
    else if (!this.#decoder.write(chunk)) this.#control?.pause()
  }

  onEnd(): void {
    if (this.#over) return
    if (this.#decoder === undefined) this.#finish()
    else this.#decoder.end()
  }

  onError(error: Error): void {
    if (this.#over) return
    this.#close()
    this.#receiver.onError(error)
  }

  onDecoded(bytes: Buffer): void {
    if (!this.#over) this.#search(bytes, false)
  }

  onDecodedEnd(): void {
    if (!this.#over) this.#finish()
  }

  onUndecodable(): void {
    if (!this.#over) this.#withhold('answer_coding_refused', 'body')
  }

  onDrain(): void {
    if (!this.#over && !this.#paused) this.#control?.resume()
  }

  pause(): void {
    this.#paused = true
    this.#decoder?.pause()
    this.#control?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#decoder?.resume()
    this.#control?.resume()
  }

  abort(error: Error): void {
    this.#control?.abort(error)
    // The transport may be done while the decoder is not.
    this.onError(error)
  }

  #open(status: number, fields: readonly string[], coding: Coding | 'identity', short: boolean): void {
    if (coding === 'identity') this.#head = { status, fields }
    else {
      this.#head = { status, fields: decodedHead(fields) }
      this.#decoder = new Decoder(coding, this)
    }
    // An event stream's head must not wait for an event.
    if (!short) process.nextTick(this.#passHead, false)
  }

  readonly #passHead = (more: boolean): void => {
    const head = this.#head
    if (head === undefined || this.#over) return
    this.#head = undefined
    this.#receiver.onHead(head.status, head.fields, more)
  }

  #search(chunk: Buffer, last: boolean): void {
    const text = this.#gathered(chunk, last)
    if (text === undefined) return
    const { search } = this.#guarding
    // Nothing comes after the last piece that its end could be the beginning of.
    const until = last ? (search.standsIn(text) ? hit : text.length) : search.find(text)
    if (until === hit) this.#withhold('credential_reflected', 'body')
    else if (until === text.length) this.#pass(text, last)
    else {
      this.#held = [Buffer.from(text.subarray(until))]
      this.#heldBytes = text.length - until
      if (until > 0) this.#pass(text.subarray(0, until), false)
    }
  }

  /** What is held and what came, or undefined while it is not worth searching again. */
  #gathered(chunk: Buffer, last: boolean): Buffer | undefined {
    const held = this.#held
    if (held === undefined) return chunk
    held.push(chunk)
    this.#newBytes += chunk.length
    // A long beginning is one in escapes, which come by the byte only to make work.
    const enough = this.#heldBytes < shortHold || this.#newBytes > this.#heldBytes >> 4
    if (!enough && !last) return undefined
    this.#held = undefined
    this.#newBytes = 0
    return Buffer.concat(held)
  }

  #pass(bytes: Buffer, last: boolean): void {
    this.#passHead(true)
    if (!this.#over) this.#receiver.onData(bytes, last)
  }

  /** The answer is complete, so what was held is no beginning. */
  #finish(): void {
    if (this.#held !== undefined) this.#search(nothing, true)
    if (this.#over) return
    this.#passHead(true)
    this.#close()
    this.#receiver.onEnd()
  }

  #withhold(why: Withheld, where: 'head' | 'body'): void {
    this.#guarding.withheld(why, where)
    const error = new SallyportError(why)
    this.#close()
    this.#control?.abort(error)
    this.#receiver.onError(error)
  }

  #close(): void {
    this.#over = true
    this.#held = undefined
    this.#head = undefined
    this.#decoder?.destroy()
    this.#decoder = undefined
  }
}

function standsInAny(fields: readonly string[], search: Search): boolean {
  for (const field of fields) if (search.standsInText(field)) return true
  return false
}
