import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import {
  type Barred,
  type Gate,
  type LiveHandle,
  SallyportError,
  type Seq,
  type Work,
} from '../model/index.ts'
import { wholeBodyBytes } from './body.ts'
import type { Bound } from './context.ts'
import { describeFailure } from './failure.ts'
import { readDownstreamId, returningHead } from './returning.ts'
import { StreamBody } from './stream-body.ts'

/** How a request to a downstream ended. */
export interface Sent {
  readonly result: 'done' | 'failed' | 'aborted' | 'barred' | 'late_injection'
  /** The downstream's status, once it had one. */
  readonly status?: number
  readonly downstreamRequestId?: string
  /** Of the body, from the caller. */
  readonly bytesIn: number
  /** Of the body, to the caller. */
  readonly bytesOut: number
  /** What to answer, or, where an answer has begun, why to break it off. */
  readonly error?: SallyportError
  /** The downstream answered 401: it does not take this credential. */
  readonly refused: boolean
}

export interface TransferParts {
  readonly bound: Bound
  readonly res: ServerResponse
  readonly gate: Gate
  readonly work: Work
  readonly rev: Seq
  /** Milliseconds without a byte after which a streaming caller is left. */
  readonly idleMs: number
  readonly settle: (sent: Sent) => void
}

/**
 * One request in flight: undici's handler on one side, the caller's response on the other, and what a revocation
 * takes hold of. `onRequestStart` is undici's last step before it writes a header to a connected socket, all in one
 * synchronous run; a throw there writes nothing. (A streamed body's header is written with its first byte instead,
 * so there the question is asked again at that byte.)
 */
export class Transfer implements Dispatcher.DispatchHandler, LiveHandle {
  readonly body: Buffer | Readable | null
  readonly #parts: TransferParts
  readonly #stream: StreamBody | undefined
  #controller: Dispatcher.DispatchController | undefined
  #close: (() => void) | undefined
  #ended = false
  #frozen = false
  /** What arrived from the downstream while frozen: undici delivers at most one chunk and the end after a pause. */
  #held: (() => void)[] = []
  #barred: Barred | undefined
  #result: 'aborted' | 'late_injection' | undefined
  #refused = false
  #status: number | undefined
  #downstreamRequestId: string | undefined
  #bytesOut = 0
  #drained = 0

  constructor(parts: TransferParts) {
    this.#parts = parts
    const { body } = parts.bound
    this.#stream =
      body.kind === 'stream'
        ? new StreamBody(body.source, parts.idleMs, {
            before: () => this.#askAtFirstByte(),
            after: () => this.#askAgain(),
          })
        : undefined
    this.body = body.kind === 'whole' ? body.bytes : (this.#stream?.asReadable() ?? null)
  }

  /** `close` takes the work out of the registry of live work. */
  begin(close: () => void): void {
    this.#close = close
    this.#parts.res.once('close', this.#onCallerGone)
    if (this.#parts.res.destroyed) this.#onCallerGone()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended) throw new Error('ended before it was sent')
    this.#controller = controller
    const { gate, work, rev } = this.#parts
    this.#barred = gate.check(work, rev)
    if (this.#barred !== undefined) throw new SallyportError(this.#barred.reason)
    if (this.#frozen) controller.pause()
  }

  onRequestSent(): void {
    if (this.#stream === undefined) this.#askAgain()
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return
    this.#status = status
    this.#downstreamRequestId = readDownstreamId(headers)
    if (status === 401) this.#refused = true
    else this.#pass(() => this.#answer(status, headers))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#refused) {
      this.#drained += chunk.length
      if (this.#drained > wholeBodyBytes) controller.abort(new Error('the refusal is too long'))
      return
    }
    this.#pass(() => this.#deliver(chunk))
  }

  onResponseEnd(): void {
    this.#pass(() => {
      if (!this.#refused) this.#parts.res.end()
      this.#end({})
    })
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#fail(error)
  }

  abort(barred: Barred): void {
    this.#barred = barred
    this.#stop(new SallyportError(barred.reason))
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
    this.#stream?.freeze(frozen)
    if (frozen) {
      this.#controller?.pause()
      return
    }
    const held = this.#held
    this.#held = []
    for (const step of held) step()
    this.#resume()
  }

  /** Now, or when thawed. */
  #pass(step: () => void): void {
    if (this.#frozen) this.#held.push(step)
    else step()
  }

  #answer(status: number, headers: Record<string, string | string[] | undefined>): void {
    const { res, bound } = this.#parts
    res.writeHead(status, returningHead(status, headers, bound))
    // A body that comes in the same read leaves with the header in one write; an event stream must not wait for one.
    process.nextTick(() => {
      if (this.#bytesOut === 0 && !this.#ended && !this.#frozen) res.flushHeaders()
    })
  }

  #deliver(chunk: Buffer): void {
    this.#bytesOut += chunk.length
    const { res } = this.#parts
    if (res.write(chunk)) return
    this.#controller?.pause()
    res.once('drain', () => this.#resume())
  }

  #resume(): void {
    if (!this.#frozen && !this.#ended && !this.#parts.res.writableNeedDrain) this.#controller?.resume()
  }

  #askAtFirstByte(): void {
    const { gate, work, rev } = this.#parts
    const barred = gate.check(work, rev)
    if (barred !== undefined) this.abort(barred)
  }

  /** Bytes are out: had the right to send them lapsed meanwhile, the connection ends and it is said. */
  #askAgain(): void {
    if (this.#ended || this.#parts.gate.fresh()) return
    this.#result = 'late_injection'
    this.#stop(new SallyportError('lease_lapsed'))
  }

  readonly #onCallerGone = (): void => {
    this.#result ??= 'aborted'
    this.#stop(new Error('the caller left'))
  }

  #stop(error: Error): void {
    if (this.#ended) return
    this.#controller?.abort(error)
    // Not sent yet, or undici had nothing left to abort.
    this.#fail(error)
  }

  #fail(error: Error): void {
    if (this.#refused) this.#end({})
    else if (this.#barred !== undefined)
      this.#end({ result: 'barred', error: new SallyportError(this.#barred.reason) })
    else this.#end({ result: this.#result ?? 'failed', error: describeFailure(error) })
  }

  #end(end: { readonly result?: Sent['result']; readonly error?: SallyportError }): void {
    if (this.#ended) return
    this.#ended = true
    this.#held = []
    const { res, bound, settle } = this.#parts
    this.#stream?.destroy()
    this.#close?.()
    res.off('close', this.#onCallerGone)
    settle({
      result: end.result ?? 'done',
      bytesIn: bound.body.kind === 'whole' ? bound.body.bytes.length : (this.#stream?.bytes ?? 0),
      bytesOut: this.#bytesOut,
      refused: this.#refused,
      ...(this.#status === undefined ? {} : { status: this.#status }),
      ...(this.#downstreamRequestId === undefined ? {} : { downstreamRequestId: this.#downstreamRequestId }),
      ...(end.error === undefined ? {} : { error: end.error }),
    })
  }
}
