import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import Pool from 'undici/lib/dispatcher/pool.js'
import {
  type Control,
  maxInterim,
  type OpenClient,
  type Outgoing,
  type Receiver,
  type Transport,
  TransportError,
} from './transport.ts'

interface UndiciTransportOptions {
  /** Milliseconds for which a downstream may say that it is still at it. */
  readonly headersTimeoutMs: number
}

/**
 * HTTP/1.1 only: what ends one request then ends its connection and no other's. No cap on connections, since it
 * would be a cap on open streams.
 */
export const openUndici: OpenClient = (origin, { headersTimeoutMs, idleTimeoutMs }, connect) => {
  const pool = new Pool(origin, {
    connect: (options, done) => {
      connect(options, (...made) => {
        made[1]?.on('error', tellReset)
        done(...made)
      })
    },
    allowH2: false,
    pipelining: 1,
    headersTimeout: headersTimeoutMs,
    bodyTimeout: idleTimeoutMs,
    strictContentLength: true,
  })
  return { transport: createUndiciTransport(pool, { headersTimeoutMs }), close: () => pool.destroy() }
}

/**
 * undici takes a reset for the end of a body that has neither length nor chunks, so that a caller would take the part
 * for the whole. Under another code it is the failure that it is.
 */
function tellReset(error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET') error.code = 'ECONNABORTED'
}

/**
 * The connections of one origin by undici, the other choice beside the client of this folder. undici writes the
 * header of a streamed request with the first byte of its body: `onStart` comes before the wait for that byte.
 */
function createUndiciTransport(pool: Dispatcher, options: UndiciTransportOptions): Transport {
  return {
    handsOver: false,
    send: (request, receiver) => {
      const { method, path, body, length } = request
      const framed = length !== undefined && body !== null && !(body instanceof Uint8Array)
      const headers = framed
        ? [...request.headers, 'content-length', String(length)]
        : (request.headers as string[])
      pool.dispatch({ method, path, headers, body: readable(body) }, new UndiciReceiver(receiver, options))
    },
  }
}

/** undici takes a `Readable`; `StreamBody` has the parts of one that it uses. */
function readable(body: Outgoing['body']): Buffer | Readable | null {
  return body === null || body instanceof Uint8Array ? body : (body as unknown as Readable)
}

class UndiciReceiver implements Dispatcher.DispatchHandler {
  readonly #receiver: Receiver
  readonly #options: UndiciTransportOptions
  #control: Control | undefined
  #interim = 0
  #patience: NodeJS.Timeout | undefined

  constructor(receiver: Receiver, options: UndiciTransportOptions) {
    this.#receiver = receiver
    this.#options = options
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const control: Control = {
      pause: () => controller.pause(),
      resume: () => controller.resume(),
      abort: (error) => controller.abort(error),
    }
    this.#control = control
    this.#receiver.onStart(control)
  }

  onRequestSent(): void {
    this.#receiver.onSent()
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) this.#countInterim()
    else {
      clearTimeout(this.#patience)
      this.#receiver.onHead(status, flat(headers), false)
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#receiver.onData(chunk, false)
  }

  onResponseEnd(): void {
    this.#receiver.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    clearTimeout(this.#patience)
    this.#receiver.onError(error)
  }

  /** Each begins undici's wait for a head anew, so their time is bounded too. */
  #countInterim(): void {
    this.#interim += 1
    this.#patience ??= setTimeout(
      () => this.#control?.abort(new TransportError('TIMEOUT', 'interim responses for too long')),
      this.#options.headersTimeoutMs,
    )
    if (this.#interim > maxInterim)
      this.#control?.abort(new TransportError('MALFORMED', 'interim responses without end'))
  }
}

function flat(headers: Record<string, string | string[] | undefined>): string[] {
  const head: string[] = []
  for (const name in headers) {
    const value = headers[name]
    if (typeof value === 'string') head.push(name, value)
    else for (const one of value ?? []) head.push(name, one)
  }
  return head
}
