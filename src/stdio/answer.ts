import type { Control, Receiver } from '../egress/index.ts'
import { isJsonObject, type JsonObject, SallyportError } from '../model/index.ts'

export type Era = 'legacy' | 'modern'

export interface AnswerParts {
  readonly receiver: Receiver
  readonly era: Era
  /** The MCP session that a success begins. */
  readonly session?: string | undefined
  /** When it becomes an event stream without a message to say, in milliseconds; never where it is left out. */
  readonly openAfterMs?: number | undefined
  /** Whether more can be taken for now. */
  readonly hold: (answer: Answer, held: boolean) => void
  /** Told once. `left`: whoever asked does not want it any more. */
  readonly over: (left: boolean) => void
}

const eventHead = [
  'content-type',
  'text/event-stream',
  'cache-control',
  'no-cache',
  'x-accel-buffering',
  'no',
]

/** What MCP 2026-07-28 says by the status too; everything else that a server answers is 200. */
const statuses = new Map<unknown, number>([
  [-32_601, 404],
  [-32_020, 400],
  [-32_021, 400],
  [-32_022, 400],
])

/**
 * What a child says to one request, as an answer of Streamable HTTP: one JSON text where the answer is all there is, and an
 * event stream from the first message that comes before it, or once it takes long.
 */
export class Answer implements Control {
  readonly #parts: AnswerParts
  #state: 'new' | 'begun' | 'streams' | 'over' = 'new'
  #timer: NodeJS.Timeout | undefined

  constructor(parts: AnswerParts) {
    this.#parts = parts
  }

  /** Asks for the right to send, and writes at once. Says whether an answer is to be waited for. */
  begin(write: () => boolean): boolean {
    const { receiver, openAfterMs } = this.#parts
    try {
      receiver.onStart(this)
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error('not sent'))
      return false
    }
    this.#state = 'begun'
    if (!write()) {
      this.fail(new SallyportError('server_failed'))
      return false
    }
    receiver.onSent()
    if (openAfterMs !== undefined && this.waits) this.#timer = setTimeout(() => this.stream(), openAfterMs)
    return this.waits
  }

  get waits(): boolean {
    return this.#state === 'begun' || this.#state === 'streams'
  }

  /** Becomes an event stream. */
  stream(): void {
    if (this.#state !== 'begun') return
    clearTimeout(this.#timer)
    this.#state = 'streams'
    this.#parts.receiver.onHead(200, eventHead, false)
  }

  /** A message before the answer, or beside one. */
  event(message: object): void {
    this.stream()
    if (this.waits) this.#parts.receiver.onData(eventOf(message), false)
  }

  /** The answer itself. */
  last(message: JsonObject): void {
    if (this.#state === 'begun') this.#whole(statusOf(message, this.#parts.era), message)
    else {
      this.event(message)
      this.finish()
    }
  }

  /** A status without a body. */
  status(status: number): void {
    if (this.#state !== 'begun') return
    this.#parts.receiver.onHead(status, [], true)
    this.#end()
  }

  /** Ends without an answer, as an event stream. */
  finish(): void {
    this.stream()
    this.#end()
  }

  fail(error: Error): void {
    if (this.#state === 'over') return
    this.#close(false)
    this.#parts.receiver.onError(error)
  }

  pause(): void {
    // Before it is begun, too: nothing is passed on while the lease is lapsed.
    if (this.#state !== 'over') this.#parts.hold(this, true)
  }

  resume(): void {
    this.#parts.hold(this, false)
  }

  abort(error: Error): void {
    if (this.#state === 'over') return
    this.#close(true)
    this.#parts.receiver.onError(error)
  }

  #whole(status: number, message: JsonObject): void {
    const { receiver, session } = this.#parts
    const begins = session !== undefined && 'result' in message ? ['mcp-session-id', session] : []
    receiver.onHead(status, ['content-type', 'application/json', ...begins], true)
    if (this.waits) receiver.onData(Buffer.from(JSON.stringify(message)), true)
    this.#end()
  }

  #end(): void {
    if (!this.waits) return
    this.#close(false)
    this.#parts.receiver.onEnd()
  }

  #close(left: boolean): void {
    this.#state = 'over'
    clearTimeout(this.#timer)
    this.#parts.hold(this, false)
    this.#parts.over(left)
  }
}

const eventOf = (message: object): Buffer =>
  Buffer.from(`event: message\ndata: ${JSON.stringify(message)}\n\n`)

function statusOf({ error }: JsonObject, era: Era): number {
  return era === 'modern' && isJsonObject(error) ? (statuses.get(error['code']) ?? 200) : 200
}
