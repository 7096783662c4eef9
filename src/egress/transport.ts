import type { buildConnector } from 'undici'
import type { StreamBody } from './stream-body.ts'

/** A request as it goes to a downstream. */
export interface Outgoing {
  readonly method: string
  /** Path and query; begins with `/`. */
  readonly path: string
  /** Name, value, name, value …; names in lower case; without `host`, `connection` and the framing of the body. */
  readonly headers: readonly string[]
  readonly body: Buffer | StreamBody | null
  /** The declared length of a streamed body, in bytes; absent where it is chunked. */
  readonly length: number | undefined
}

/** What can be done to a request under way. Without effect once it has ended. */
export interface Control {
  pause(): void
  resume(): void
  /** Ends the request and its connection; `onError` is told. */
  abort(error: Error): void
}

/** What becomes of a request. Ends with exactly one of `onEnd` and `onError`. */
export interface Receiver {
  /**
   * The last step before the header is written to a connected socket, in the same synchronous run. What it throws
   * comes back as `onError`, and nothing is written.
   */
  onStart(control: Control): void
  /** Right after the header was written; and the body, where it was there in whole. */
  onSent(): void
  /**
   * The head of the final answer: name, value, name, value …, names in lower case. `more`: `onData` or `onEnd` follows in
   * the same synchronous run.
   */
  onHead(status: number, head: readonly string[], more: boolean): void
  /** `last`: `onEnd` follows at once. */
  onData(chunk: Buffer, last: boolean): void
  onEnd(): void
  onError(error: Error): void
}

/** Interim responses (1xx) taken before the final one; RFC 9110 §15.2 bounds them by nothing. */
export const maxInterim = 32

/** The connections of one origin: HTTP/1.1, one request at a time each. */
export interface Transport {
  /** Whether the bytes that a receiver is told of are the receiver's from then on. */
  readonly handsOver: boolean
  send(request: Outgoing, receiver: Receiver): void
}

export interface Client {
  readonly transport: Transport
  /** Ends idle connections and, at once, those in use. */
  readonly close: () => unknown
}

/** Opens the client of one origin, whose sockets `connect` makes. Spans are milliseconds. */
export type OpenClient = (
  origin: string,
  limits: { readonly headersTimeoutMs: number; readonly idleTimeoutMs: number },
  connect: buildConnector.connector,
) => Client

/** Why an exchange with a downstream failed, where it was not the socket that said so. */
export class TransportError extends Error {
  readonly code: 'TIMEOUT' | 'MALFORMED' | 'CLOSED' | 'SHUT_DOWN'

  constructor(code: TransportError['code'], message: string) {
    super(message)
    this.name = 'TransportError'
    this.code = code
  }
}
