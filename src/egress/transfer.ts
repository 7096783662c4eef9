import type { ServerResponse } from 'node:http'
import {
  type Barred,
  type Gate,
  type LiveHandle,
  type OpenCalls,
  SallyportError,
  type Seq,
  type Work,
} from '../model/index.ts'
import { wholeBodyBytes } from './body.ts'
import type { Bound } from './context.ts'
import { describeFailure } from './failure.ts'
import { giveBackWritten } from './give-back.ts'
import { hasEnded } from './open-call.ts'
import { readDownstreamId, returningHead } from './returning.ts'
import { StreamBody } from './stream-body.ts'
import type { Control, Receiver } from './transport.ts'

/** How a request to a downstream ended. */
export interface Sent {
  readonly result: 'done' | 'failed' | 'aborted' | 'barred' | 'late_injection'
  /** The downstream's status, once it had one. */
  readonly status?: number | undefined
  readonly downstreamRequestId?: string | undefined
  /** Of the body, from the caller. */
  readonly bytesIn: number
  /** Of the body, to the caller. */
  readonly bytesOut: number
  /** What to answer, or, where an answer has begun, why to break it off. */
  readonly error?: SallyportError | undefined
  /** The downstream answered 401: it does not take this credential. */
  readonly refused: boolean
  /** What it wants to be satisfied before it takes one again, as JSON. */
  readonly claims?: string | undefined
  /** The scopes that the credential lacks, where its person can be asked for them. */
  readonly lacks?: readonly string[] | undefined
}

/** Bodies up to so many bytes are written together with their head. */
const shortBody = 8192
/** How long the body of a refusal may take, in milliseconds. */
const refusalMs = 1000

export interface TransferParts {
  readonly bound: Bound
  readonly res: ServerResponse
  readonly gate: Gate
  readonly calls: OpenCalls
  readonly work: Work
  readonly rev: Seq
  /** Milliseconds without a byte, in either direction, after which a caller is left. */
  readonly idleMs: number
  /** Whether the answer's bytes are nobody else's once they are told of. */
  readonly owned: boolean
  /** What is missing of the credential, by the head of a 403. */
  readonly lacks: (head: readonly string[]) => readonly string[] | undefined
  /** What the head of a 401 wants to be satisfied. */
  readonly claims: (head: readonly string[]) => string | undefined
  readonly settle: (sent: Sent) => void
}

/**
 * One request in flight: the transport's receiver on one side, the caller's response on the other, and what a revocation
 * takes hold of. `onStart` is the last step before the header is written to a connected socket, all in one synchronous
 * run; a throw there writes nothing. (undici writes the header of a streamed body with its first byte, so there the
 * question is asked again at that byte.)
 */
export class Transfer implements Receiver, LiveHandle {
  readonly body: Buffer | StreamBody | null
  readonly #parts: TransferParts
  readonly #stream: StreamBody | undefined
  #control: Control | undefined
  #close: (() => void) | undefined
  #ended = false
  #frozen = false
  /** What arrived from the downstream while frozen: what was read already comes after a pause. */
  #held: (() => void)[] = []
  #barred: Barred | undefined
  #result: 'aborted' | 'late_injection' | undefined
  /** The answer is not passed on: the downstream does not take the credential, or not for this. */
  #refused = false
  #lacks: readonly string[] | undefined
  #claims: string | undefined
  #status: number | undefined
  #downstreamRequestId: string | undefined
  #bytesOut = 0
  #drained = 0
  /** Until when the caller has to take a byte, or a refusal has to end. */
  #patience: NodeJS.Timeout | undefined

  constructor(parts: TransferParts) {
    this.#parts = parts
    const { body } = parts.bound
    this.#stream =
      body.kind === 'stream'
        ? new StreamBody(body, parts.idleMs, {
            before: () => this.#askAtFirstByte(),
            after: () => this.#askAgain(),
          })
        : undefined
    this.body = body.kind === 'whole' ? body.bytes : (this.#stream ?? null)
  }

  /** `close` takes the work out of the registry of live work. */
  begin(close: () => void): void {
    this.#close = close
    this.#parts.res.once('close', this.#onCallerGone)
    if (this.#parts.res.destroyed) this.#onCallerGone()
  }

  onStart(control: Control): void {
    if (this.#ended) throw new Error('ended before it was sent')
    this.#control = control
    this.#barred = this.#bar()
    if (this.#barred !== undefined) throw new SallyportError(this.#barred.reason)
    if (this.#frozen) control.pause()
  }

  onSent(): void {
    this.#askAgain()
  }

  onHead(status: number, head: readonly string[], more: boolean): void {
    this.#status = status
    this.#downstreamRequestId = readDownstreamId(head)
    if (status === 401) this.#claims = this.#parts.claims(head)
    if (status === 403) this.#lacks = this.#parts.lacks(head)
    if (status === 401 || this.#lacks !== undefined) this.#refuse()
    else if (this.#frozen) this.#held.push(() => this.#answer(status, head, false))
    else this.#answer(status, head, more)
  }

  onData(chunk: Buffer, last: boolean): void {
    if (this.#refused) {
      this.#drained += chunk.length
      if (this.#drained > wholeBodyBytes) this.#stop(new Error('the refusal is too long'))
      return
    }
    if (this.#frozen) this.#held.push(() => this.#deliver(chunk, last))
    else this.#deliver(chunk, last)
  }

  onEnd(): void {
    if (this.#frozen) this.#held.push(() => this.#complete())
    else this.#complete()
  }

  onError(error: Error): void {
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
      this.#control?.pause()
      return
    }
    const held = this.#held
    this.#held = []
    for (const step of held) step()
    this.#resume()
  }

  #complete(): void {
    if (!this.#refused) this.#finish()
    this.#end({})
  }

  #answer(status: number, head: readonly string[], more: boolean): void {
    const { res, bound } = this.#parts
    res.writeHead(status, returningHead(status, head, bound))
    // A body that comes in the same read leaves with the header in one write; an event stream must not wait for one.
    if (!more) process.nextTick(this.#flush)
  }

  readonly #flush = (): void => {
    if (this.#bytesOut === 0 && !this.#ended && !this.#frozen) this.#parts.res.flushHeaders()
  }

  #deliver(chunk: Buffer, last: boolean): void {
    this.#bytesOut += chunk.length
    const { res, owned } = this.#parts
    if (last) {
      // Head, body and end in one write.
      this.#finish(chunk)
      return
    }
    if (owned ? res.write(chunk, giveBackWritten(chunk)) : res.write(chunk)) return
    this.#control?.pause()
    this.#patience ??= setTimeout(this.#onUnread, this.#parts.idleMs)
    res.once('drain', () => {
      clearTimeout(this.#patience)
      this.#patience = undefined
      this.#resume()
    })
  }

  /** The downstream is paused and has no time limit then: this is the one that a caller who does not read has. */
  readonly #onUnread = (): void => {
    this.#stop(new SallyportError('caller_stalled'))
  }

  /** What the caller has not taken yet is its own to take, for as long as any other silence may last. */
  #finish(chunk?: Buffer): void {
    const { res, idleMs } = this.#parts
    if (res.writableEnded) return
    // A short body goes out as text, in one string with the head: half the price of two pieces gathered.
    if (chunk !== undefined && chunk.length <= shortBody) res.end(chunk.toString('latin1'), 'latin1')
    else res.end(chunk)
    if (res.writableLength > 0) res.setTimeout(idleMs)
  }

  /** The rest of a refusal is read for the connection's sake only, so it is not waited for long. */
  #refuse(): void {
    this.#refused = true
    this.#patience = setTimeout(() => this.#stop(new Error('the refusal takes too long')), refusalMs)
  }

  #resume(): void {
    if (!this.#frozen && !this.#ended && !this.#parts.res.writableNeedDrain) this.#control?.resume()
  }

  #askAtFirstByte(): void {
    const barred = this.#bar()
    if (barred !== undefined) this.abort(barred)
  }

  /** Why nothing may be sent any more: answered from memory, so that nothing happens between the answer and the write. */
  #bar(): Barred | undefined {
    const { gate, calls, work, rev, bound } = this.#parts
    const barred = gate.check(work, rev)
    if (barred !== undefined || !hasEnded(bound.access, calls)) return barred
    return { reason: 'call_ended' }
  }

  /** Bytes are out: had the right to send them lapsed meanwhile, the connection ends and it is said. */
  #askAgain(): void {
    if (this.#ended || this.#parts.gate.fresh()) return
    this.#result = 'late_injection'
    this.#stop(new SallyportError('lease_lapsed'))
  }

  readonly #onCallerGone = (): void => {
    this.#stop(new SallyportError('caller_left'))
  }

  #stop(error: Error): void {
    if (this.#ended) return
    this.#control?.abort(error)
    // Not sent yet, or undici had nothing left to abort.
    this.#fail(error)
  }

  #fail(error: Error): void {
    if (this.#refused) this.#end({})
    else if (this.#barred !== undefined)
      this.#end({ result: 'barred', error: new SallyportError(this.#barred.reason) })
    else {
      const told = describeFailure(error)
      const byCaller = told.code === 'caller_left' || told.code === 'caller_stalled'
      this.#end({ result: this.#result ?? (byCaller ? 'aborted' : 'failed'), error: told })
    }
  }

  #end(end: { readonly result?: Sent['result']; readonly error?: SallyportError }): void {
    if (this.#ended) return
    this.#ended = true
    this.#held = []
    const { res, bound, settle } = this.#parts
    this.#stream?.destroy()
    clearTimeout(this.#patience)
    this.#close?.()
    res.off('close', this.#onCallerGone)
    settle({
      result: end.result ?? 'done',
      bytesIn: bound.body.kind === 'whole' ? bound.body.bytes.length : (this.#stream?.bytes ?? 0),
      bytesOut: this.#bytesOut,
      refused: this.#refused && this.#lacks === undefined,
      lacks: this.#lacks,
      claims: this.#claims,
      status: this.#status,
      downstreamRequestId: this.#downstreamRequestId,
      error: end.error ?? this.#lacking(),
    })
  }

  #lacking(): SallyportError | undefined {
    if (this.#lacks === undefined) return undefined
    return new SallyportError('scope_required', { downstream: this.#parts.bound.downstream.name })
  }
}
