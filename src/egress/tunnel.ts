import type { Socket } from 'node:net'
import {
  type Barred,
  type Gate,
  type LiveHandle,
  SallyportError,
  type Seq,
  type Work,
} from '../model/index.ts'
import { beginsTls, readClientHello } from './client-hello.ts'
import { describeFailure } from './failure.ts'
import { Flow } from './flow.ts'
import type { Sent } from './transfer.ts'

/** Spans are milliseconds. */
export interface TunnelLimits {
  /** From the answer to the whole ClientHello. */
  readonly helloMs: number
  /** Without a byte either way. */
  readonly idleMs: number
  readonly lifeMs: number
}

/** How a tunnel ended. */
export type Tunnelled = Pick<Sent, 'result' | 'bytesIn' | 'bytesOut' | 'error'>

export interface TunnelParts {
  readonly client: Socket
  /** What came behind the head of the request. */
  readonly early: Buffer
  /** What a server name in the ClientHello has to be. */
  readonly host: string
  /** Tells the client that its bytes go on from here. */
  readonly established: string
  readonly gate: Gate
  readonly work: Work
  readonly rev: Seq
  readonly limits: TunnelLimits
  readonly settle: (ended: Tunnelled) => void
}

/**
 * One `CONNECT` in progress, which a revocation can end. Nothing moves before the client has shown a ClientHello for
 * the host that it was let to, and nothing more before the server has answered in TLS; then bytes pass as they are.
 * The right to send is asked for right before the first of them is written, in one synchronous run.
 */
export class Tunnel implements LiveHandle {
  readonly #parts: TunnelParts
  #close: (() => void) | undefined
  #up: Flow | undefined
  #down: Flow | undefined
  #upstream: Socket | undefined
  #hello = Buffer.alloc(0)
  #frozen = false
  #ended = false
  #timer: NodeJS.Timeout | undefined

  constructor(parts: TunnelParts) {
    this.#parts = parts
  }

  /** Whether the client was told that its tunnel stands: from there on there is no other answer than the end. */
  get joined(): boolean {
    return this.#upstream !== undefined
  }

  /** `close` takes the work out of the registry of live work. */
  begin(close: () => void): void {
    this.#close = close
    const { client } = this.#parts
    client.on('error', () => this.#end('aborted', new SallyportError('caller_left')))
    client.once('close', () => this.#onClose(client, 'caller_left'))
    if (client.destroyed) this.#end('aborted', new SallyportError('caller_left'))
  }

  /** The connection is there. */
  join(upstream: Socket): void {
    if (this.#ended) {
      upstream.destroy()
      return
    }
    const { client, early, established, limits } = this.#parts
    this.#upstream = upstream
    upstream.on('error', (error) => this.fail(error))
    upstream.once('close', () => this.#onClose(upstream, 'downstream_failed'))
    this.#limit(limits.helloMs, 'tunnel_not_tls')
    client.write(established)
    if (early.length > 0) client.unshift(early)
    client.on('data', this.#onHello)
    client.once('end', this.#onEarlyEnd)
    if (this.#frozen) client.pause()
  }

  /** The connection cannot be had, or broke. */
  fail(error: unknown): void {
    this.#end('failed', describeFailure(error))
  }

  abort(barred: Barred): void {
    this.#end('barred', new SallyportError(barred.reason))
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
    this.#up?.freeze(frozen)
    this.#down?.freeze(frozen)
    if (this.#up !== undefined || this.#upstream === undefined) return
    if (frozen) this.#parts.client.pause()
    else this.#parts.client.resume()
  }

  readonly #onHello = (chunk: Buffer): void => {
    this.#hello = Buffer.concat([this.#hello, chunk])
    const hello = readClientHello(this.#hello)
    if (hello === 'more') return
    if (hello === 'refused' || (hello.host !== undefined && hello.host !== this.#parts.host))
      this.#end('aborted', new SallyportError('tunnel_not_tls'))
    else this.#open()
  }

  readonly #onEarlyEnd = (): void => this.#end('aborted', new SallyportError('caller_left'))

  #open(): void {
    const { client, gate, work, rev, limits } = this.#parts
    const upstream = this.#upstream
    if (upstream === undefined) return
    client.off('data', this.#onHello)
    client.off('end', this.#onEarlyEnd)
    const barred = gate.check(work, rev)
    if (barred !== undefined) {
      this.abort(barred)
      return
    }
    this.#up = new Flow(client, upstream)
    this.#up.write(this.#hello)
    if (!gate.fresh()) {
      this.#end('late_injection', new SallyportError('lease_lapsed'))
      return
    }
    this.#limit(limits.lifeMs, 'tunnel_timeout')
    client.setTimeout(limits.idleMs, this.#onIdle)
    const down = new Flow(upstream, client, (first) => this.#answered(first))
    upstream.once('end', () => {
      if (!down.begun) this.fail(new SallyportError('downstream_failed'))
    })
    this.#down = down
    down.start(this.#frozen)
  }

  /** The server's first bytes: in TLS they let the client go on. */
  #answered(first: Buffer): boolean {
    if (beginsTls(first)) this.#up?.start(this.#frozen)
    else this.#end('failed', new SallyportError('tunnel_not_tls'))
    return !this.#ended
  }

  readonly #onIdle = (): void => {
    if (!this.#frozen) this.#end('aborted', new SallyportError('tunnel_timeout'))
  }

  /** Sockets close by themselves when both sides have ended; one that closes before takes the other with it. */
  #onClose(socket: Socket, code: 'caller_left' | 'downstream_failed'): void {
    const { client } = this.#parts
    if (!socket.readableEnded || socket.errored) {
      this.#end(code === 'caller_left' ? 'aborted' : 'failed', new SallyportError(code))
    } else if (client.destroyed && this.#upstream?.destroyed === true) this.#end('done')
  }

  #limit(ms: number, code: 'tunnel_not_tls' | 'tunnel_timeout'): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#end('aborted', new SallyportError(code)), ms)
  }

  #end(result: Tunnelled['result'], error?: SallyportError): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#close?.()
    if (this.#upstream !== undefined) {
      this.#upstream.destroy()
      this.#parts.client.destroy()
    }
    const bytes = { bytesIn: this.#up?.bytes ?? 0, bytesOut: this.#down?.bytes ?? 0 }
    this.#parts.settle({ result, ...bytes, ...(error === undefined ? {} : { error }) })
  }
}
