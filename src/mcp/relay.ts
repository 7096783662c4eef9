import type { ServerResponse } from 'node:http'
import { type Control, type Receiver, TransportError } from '../egress/index.ts'
import {
  type Barred,
  type ErrorCode,
  type Gate,
  type LiveHandle,
  SallyportError,
  type Seq,
  type Work,
} from '../model/index.ts'
import { type AnswerView, asItComes } from './answer-view.ts'

export interface RelayParts {
  readonly res: ServerResponse
  readonly gate: Gate
  readonly work: Work
  readonly rev: Seq
  /** How long a client may take nothing, in milliseconds. */
  readonly idleMs: number
  /** Looks at the head of the answer: what goes on of it, and how its body is passed on. */
  readonly onHead: (
    status: number,
    head: readonly string[],
  ) => { readonly head: readonly string[]; readonly view: AnswerView; readonly streams: boolean }
  /** Told once, when it is over. `error` is set where the answer could not be passed on whole. */
  readonly done: (ended: Relayed) => void
}

export interface Relayed {
  readonly status: number | undefined
  /** Whether what was begun is an event stream. */
  readonly streams: boolean
  readonly bytesOut: number
  readonly error: SallyportError | undefined
}

/** What is written already waits for its reader too, and no longer than anything else. */
export function endInTime(res: ServerResponse, idleMs: number, last = ''): void {
  res.end(last)
  if (res.writableLength === 0) return
  const late = setTimeout(() => res.destroy(), idleMs)
  res.once('close', () => clearTimeout(late))
}

/** One message on its way to the server and its answer back: nothing is buffered but what has to be judged whole. */
export class Relay implements Receiver, LiveHandle {
  readonly #parts: RelayParts
  #control: Control | undefined
  #view: AnswerView = asItComes
  #status: number | undefined
  #streams = false
  /** The head of an answer that is judged whole, until it was. */
  #head: readonly string[] | undefined
  #bytesOut = 0
  #ended = false
  #frozen = false
  #held: (() => void)[] = []
  #patience: NodeJS.Timeout | undefined

  constructor(parts: RelayParts) {
    this.#parts = parts
    // Who left while the record was written is not told again.
    if (parts.res.destroyed) this.#onClientGone()
    else parts.res.once('close', this.#onClientGone)
  }

  get ended(): boolean {
    return this.#ended
  }

  onStart(control: Control): void {
    if (this.#ended) throw new Error('ended before it was sent')
    this.#control = control
    const { gate, work, rev } = this.#parts
    const barred = gate.check(work, rev)
    if (barred !== undefined) throw new SallyportError(barred.reason)
    if (this.#frozen) control.pause()
  }

  onSent(): void {
    if (!this.#ended && !this.#parts.gate.fresh()) this.stop(new SallyportError('lease_lapsed'))
  }

  onHead(status: number, head: readonly string[]): void {
    this.#status = status
    this.#inTurn(() => {
      const answer = this.#parts.onHead(status, head)
      this.#view = answer.view
      this.#streams = answer.streams
      this.#head = answer.head
      // A client waits for the head of a stream, not for its first event.
      if (answer.view !== asItComes && !answer.streams) return
      this.#sendHead()
      this.#parts.res.flushHeaders()
    })
  }

  onData(bytes: Buffer): void {
    this.#inTurn(() => this.#pass(() => this.#view.push(bytes)))
  }

  onEnd(): void {
    this.#inTurn(() => {
      this.#pass(() => this.#view.end())
      if (this.#ended) return
      this.#sendHead()
      endInTime(this.#parts.res, this.#parts.idleMs)
      this.#end(undefined)
    })
  }

  onError(error: Error): void {
    if (error instanceof SallyportError) this.#end(error)
    else if (error instanceof TransportError && error.code === 'TIMEOUT')
      this.#end(new SallyportError('call_timeout'))
    else this.#end(new SallyportError('server_failed', {}, error))
  }

  abort(barred: Barred): void {
    this.stop(new SallyportError(barred.reason))
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
    if (frozen) {
      this.#control?.pause()
      return
    }
    const held = this.#held
    this.#held = []
    for (const step of held) step()
    this.#resume()
  }

  /** Ends both sides. */
  stop(error: SallyportError): void {
    if (this.#ended) return
    this.#control?.abort(error)
    this.#end(error)
  }

  /** What was read already comes after a pause. */
  #inTurn(step: () => void): void {
    if (this.#frozen) this.#held.push(() => this.#guard(step))
    else this.#guard(step)
  }

  #guard(step: () => void): void {
    if (this.#ended) return
    try {
      step()
    } catch (error) {
      this.stop(error instanceof SallyportError ? error : new SallyportError('server_failed', {}, error))
    }
  }

  #sendHead(): void {
    const head = this.#head
    if (head === undefined) return
    this.#head = undefined
    this.#parts.res.writeHead(this.#status ?? 502, [...head])
  }

  #pass(take: () => Buffer | undefined): void {
    const bytes = take()
    if (bytes === undefined || bytes.length === 0 || this.#ended) return
    this.#sendHead()
    this.#bytesOut += bytes.length
    const { res, idleMs } = this.#parts
    if (res.write(bytes)) return
    this.#control?.pause()
    this.#patience ??= setTimeout(() => this.stop(new SallyportError('caller_stalled')), idleMs)
    res.once('drain', () => {
      clearTimeout(this.#patience)
      this.#patience = undefined
      this.#resume()
    })
  }

  #resume(): void {
    if (!this.#frozen && !this.#ended && !this.#parts.res.writableNeedDrain) this.#control?.resume()
  }

  /** A client that leaves ends its call: nobody waits for the answer any more. */
  readonly #onClientGone = (): void => {
    this.stop(new SallyportError('caller_left' satisfies ErrorCode))
  }

  #end(error: SallyportError | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#held = []
    clearTimeout(this.#patience)
    const { res, done } = this.#parts
    res.off('close', this.#onClientGone)
    done({ status: this.#status, streams: this.#streams, bytesOut: this.#bytesOut, error })
  }
}
