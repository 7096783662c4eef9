import type { Socket } from 'node:net'
import { type Outgoing, type Receiver, type Transport, TransportError } from '../transport.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { createFieldNames } from './field.ts'

/** Spans are milliseconds; they are kept to within a second. */
export interface Http1Options {
  /** `http:` or `https:`, host and port. */
  readonly origin: string
  readonly headersTimeoutMs: number
  readonly idleTimeoutMs: number
  /** Opens a connected socket. Judges the address and ends in time by itself. */
  readonly connect: (done: (error: Error | null, socket?: Socket | null) => void) => void
}

export interface Http1Client extends Transport {
  /** Ends every connection, at once. */
  close(): void
}

const tickMs = 1000
/** How long an unused connection is kept, unless the downstream said less. */
const idleTicks = 4

/**
 * An HTTP/1.1 client for one origin: a stack of idle connections, as many as there are requests. The last used is
 * used first, so that the surplus ages. One coarse timer watches over all of them while there are any.
 */
export function createHttp1Client(options: Http1Options): Http1Client {
  const pool = new ConnectionPool(options)
  return {
    handsOver: true,
    send: (request, receiver) => pool.send(request, receiver),
    close: () => pool.close(),
  }
}

class ConnectionPool implements ConnectionOwner {
  readonly host: string
  readonly names = createFieldNames()
  readonly headTicks: number
  readonly bodyTicks: number
  tick = 0
  readonly #connect: Http1Options['connect']
  readonly #idle: Connection[] = []
  readonly #all = new Set<Connection>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor({ origin, headersTimeoutMs, idleTimeoutMs, connect }: Http1Options) {
    this.host = new URL(origin).host
    this.headTicks = toTicks(headersTimeoutMs)
    this.bodyTicks = toTicks(idleTimeoutMs)
    this.#connect = connect
  }

  send(request: Outgoing, receiver: Receiver): void {
    if (this.#closed) {
      receiver.onError(new TransportError('SHUT_DOWN', 'closed'))
      return
    }
    const connection = this.#idle.pop()
    if (connection !== undefined) {
      connection.send(request, receiver)
      return
    }
    this.#connect((error, socket) => {
      if (!socket) receiver.onError(error ?? new TransportError('CLOSED', 'not connected'))
      else if (this.#closed) {
        socket.destroy()
        receiver.onError(new TransportError('SHUT_DOWN', 'closed'))
      } else this.#open(socket).send(request, receiver)
    })
  }

  idle(connection: Connection, told: number | undefined): void {
    connection.deadline = this.tick + Math.min(idleTicks, told ?? idleTicks)
    this.#idle.push(connection)
  }

  gone(connection: Connection): void {
    this.#all.delete(connection)
    const index = this.#idle.lastIndexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    this.#endWhere(() => true, new TransportError('SHUT_DOWN', 'closed'))
  }

  #open(socket: Socket): Connection {
    const connection = new Connection(socket, this)
    this.#all.add(connection)
    this.#timer ??= setInterval(() => this.#sweep(), tickMs).unref()
    return connection
  }

  #sweep(): void {
    this.tick += 1
    this.#endWhere(({ deadline }) => deadline <= this.tick, new TransportError('TIMEOUT', 'took too long'))
    if (this.#all.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #endWhere(wanted: (connection: Connection) => boolean, error: TransportError): void {
    for (const connection of [...this.#all]) if (wanted(connection)) connection.destroy(error)
  }
}

/** Never less than asked for: a tick may be about to end when counting begins. */
function toTicks(ms: number): number {
  return ms === 0 ? Number.POSITIVE_INFINITY : Math.ceil(ms / tickMs) + 1
}
