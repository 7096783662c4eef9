import { type Control, type Receiver, type Transport, TransportError } from '../../egress/index.ts'
import { SallyportError } from '../../model/index.ts'
import { dataOf, EventSplitter } from '../sse.ts'

/** One message to a server, and how much of an answer is read. */
export interface Posting {
  /** Path and query of the endpoint. */
  readonly path: string
  /** Name, value, name, value …; names in lower case. */
  readonly headers: readonly string[]
  readonly method: 'POST' | 'DELETE'
  readonly body?: object
  /** The answer with this id is waited for; without it only the status counts. */
  readonly id?: number
  readonly maxBytes: number
  readonly signal: AbortSignal
}

export interface Posted {
  readonly status: number
  readonly session: string | undefined
  /** The whole of what was read, to be searched. */
  readonly text: string
  /** The message of that id; undefined where the answer holds none. */
  readonly message: Readonly<Record<string, unknown>> | undefined
}

/** Why nothing came that could be read, as the end of a sentence. */
export class Unanswered extends Error {}

/** Sends one message and reads its answer, from JSON or from an event stream. @throws Unanswered */
export function post(transport: Transport, posting: Posting): Promise<Posted> {
  return new Promise((resolve, reject) => {
    const reading = new Reading(posting, { resolve, reject })
    const abort = () => reading.fail(new Unanswered('it took too long'))
    posting.signal.addEventListener('abort', abort, { once: true })
    if (posting.signal.aborted) {
      abort()
      return
    }
    transport.send(
      {
        method: posting.method,
        path: posting.path,
        headers: posting.headers,
        body: posting.body === undefined ? null : Buffer.from(JSON.stringify(posting.body)),
        length: undefined,
      },
      reading,
    )
  })
}

interface Outcome {
  readonly resolve: (posted: Posted) => void
  readonly reject: (error: Error) => void
}

class Reading implements Receiver {
  readonly #posting: Posting
  readonly #outcome: Outcome
  readonly #chunks: Buffer[] = []
  readonly #events: EventSplitter
  #control: Control | undefined
  #ended = false
  #size = 0
  #status = 0
  #session: string | undefined
  #streams = false

  constructor(posting: Posting, outcome: Outcome) {
    this.#posting = posting
    this.#outcome = outcome
    this.#events = new EventSplitter(posting.maxBytes)
  }

  fail(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#control?.abort(error)
    this.#outcome.reject(error)
  }

  onStart(control: Control): void {
    if (this.#ended) throw new Unanswered('it took too long')
    this.#control = control
  }

  onSent(): void {
    // The answer is what counts.
  }

  onHead(status: number, head: readonly string[]): void {
    this.#status = status
    for (let index = 0; index < head.length; index += 2) {
      const [name, value = ''] = [head[index], head[index + 1]]
      if (name === 'mcp-session-id') this.#session = value
      if (name === 'content-type') this.#streams = /^text\/event-stream\b/i.test(value)
      if (name === 'content-encoding' && value !== 'identity')
        this.fail(new Unanswered('its answer is compressed'))
    }
    // Nothing is asked, so nothing is waited for.
    if (this.#posting.id === undefined) this.#settle(undefined)
  }

  onData(chunk: Buffer): void {
    if (this.#ended) return
    this.#size += chunk.length
    if (this.#size > this.#posting.maxBytes) {
      this.fail(new Unanswered(`its answer is larger than ${this.#posting.maxBytes} bytes`))
      return
    }
    this.#chunks.push(chunk)
    if (this.#streams) this.#events.push(chunk, (bytes) => this.#onEvent(bytes.toString('utf8')))
  }

  /** A stream may stay open behind the answer: nobody waits for its end. */
  #onEvent(event: string): void {
    const message = this.#answer(dataOf(event) ?? '')
    if (message !== undefined) this.#settle(message)
  }

  onEnd(): void {
    this.#settle(this.#streams ? undefined : this.#answer(Buffer.concat(this.#chunks).toString('utf8')))
  }

  onError(error: Error): void {
    this.fail(error instanceof Unanswered ? error : new Unanswered(whyFailed(error)))
  }

  #settle(message: Posted['message']): void {
    if (this.#ended) return
    this.#ended = true
    const text = Buffer.concat(this.#chunks).toString('utf8')
    this.#outcome.resolve({ status: this.#status, session: this.#session, text, message })
    this.#control?.abort(new Unanswered('it has answered'))
  }

  /** The JSON-RPC answer to what was asked; a server that refuses may not know the id. */
  #answer(text: string): Posted['message'] {
    const { id } = this.#posting
    if (id === undefined) return undefined
    try {
      const message: unknown = JSON.parse(text)
      if (!isObject(message) || message['jsonrpc'] !== '2.0') return undefined
      const own = message['id'] === id || (message['id'] ?? null) === null
      return own && ('result' in message || 'error' in message) ? message : undefined
    } catch {
      return undefined
    }
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const ofTransport: Readonly<Record<TransportError['code'], string>> = {
  TIMEOUT: 'it took too long',
  MALFORMED: 'it does not answer as HTTP/1.1 does',
  CLOSED: 'it broke off',
  SHUT_DOWN: 'it broke off',
}

/** The texts of the system and of servers stay here: each kind of failure has its own. */
function whyFailed(error: Error): string {
  if (error instanceof SallyportError) return 'its name leads to an address that is not dialled'
  if (error instanceof TransportError) return ofTransport[error.code]
  const { code } = error as { readonly code?: unknown }
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its name is not known'
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') return 'it broke off'
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'it took too long'
  if (typeof code === 'string' && /CERT|TLS|SSL|SELF_SIGNED|ISSUER/.test(code))
    return 'its certificate is not trusted'
  return 'the connection failed'
}
