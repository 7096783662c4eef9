import type { Receiver } from '../egress/index.ts'
import { isJsonObject, type Json, type JsonObject, SallyportError } from '../model/index.ts'
import { Answer, type Era } from './answer.ts'
import { type Message, metaOf, paramsOf, type RequestId, readLine, tokenMeta, withMeta } from './message.ts'
import { Unheard } from './unheard.ts'

type Request = Extract<Message, { kind: 'request' }>

export interface ConversationParts {
  readonly era: Era
  /** Says whether the child took it. */
  readonly say: (message: object) => boolean
  /** The child said something that is nothing, or that nobody waits for. */
  readonly stray: () => void
  /** Whether the child has to wait with what it says. */
  readonly hold: (held: boolean) => void
  /** The child is of no use: it could not be initialized. */
  readonly useless: () => void
  readonly now: () => number
  /** When an answer that takes long becomes a stream, and how long one may take; in milliseconds. */
  readonly openAfterMs: number
  readonly answerMs: number
}

/** A request that the child has not answered. */
interface Asked {
  readonly method: string
  /** Its id and progress token as the client knows them; the child knows ours. */
  readonly id: RequestId
  readonly progress: Json | undefined
  /** Whether it asked for log messages, as a modern request does. */
  readonly logs: boolean
  readonly answer: Answer
}

export interface Asking {
  readonly receiver: Receiver
  /** The token of a call. */
  readonly token?: string | undefined
  /** The MCP session that this begins. */
  readonly session?: string | undefined
}

const subscriptionKey = 'io.modelcontextprotocol/subscriptionId'
const logLevelKey = 'io.modelcontextprotocol/logLevel'
const probeId = 0
/** How many questions of a child may wait for their answers. */
const mostAsks = 100

/**
 * What is said between one child and the clients of its session. Requests get ids of our own, so that no two clients of one
 * person can take each other's answers, and a child can answer what it was asked and nothing else.
 */
export class Conversation {
  readonly #parts: ConversationParts
  #last = probeId
  readonly #open = new Map<number, Asked>()
  readonly #holding = new Set<Answer>()
  /** What the child asks the client, by its ids, with when it did. */
  readonly #asks = new Map<RequestId, number>()
  readonly #unheard = new Unheard()
  #stream: Answer | undefined
  #probed: ((answer: JsonObject) => void) | undefined
  #ended: Error | undefined

  constructor(parts: ConversationParts) {
    this.#parts = parts
  }

  /** Whether nobody waits for anything. */
  get idle(): boolean {
    return this.#open.size === 0 && this.#stream === undefined
  }

  /** Asks the child by a request of ours. */
  probe(method: string, params: JsonObject): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      this.#probed = resolve
      const said = this.#parts.say({ jsonrpc: '2.0', id: probeId, method, params })
      if (!said) reject(new SallyportError('server_failed'))
    })
  }

  ask(message: Request, { receiver, token, session }: Asking): void {
    const id = ++this.#last
    const meta = metaOf(message)
    const { progressToken: progress } = meta
    const begins = session !== undefined
    const endless = token !== undefined || message.method === 'subscriptions/listen'
    const late = endless ? undefined : setTimeout(() => this.#giveUp(id), this.#parts.answerMs)
    const answer = this.#answer(receiver, {
      session,
      openAfterMs: begins ? undefined : this.#parts.openAfterMs,
      over: (left) => {
        clearTimeout(late)
        const was = this.#open.delete(id)
        if (left && was) this.#cancel(id, message.method)
      },
    })
    const own = {
      ...(token === undefined ? {} : tokenMeta(token)),
      ...(progress === undefined ? {} : { progressToken: id }),
    }
    const logs = logLevelKey in meta
    this.#open.set(id, { method: message.method, id: message.id, progress, logs, answer })
    const waits = this.#begin(answer, () => this.#parts.say({ ...withMeta(message, own), id }))
    if (waits && !begins) this.#unheard.tellAll(answer)
    if (!waits && begins) this.#parts.useless()
  }

  /** What a client says without waiting for an answer. */
  tell(message: Exclude<Message, Request>, receiver: Receiver): void {
    const answer = this.#answer(receiver, { over: () => undefined })
    this.#begin(answer, () => {
      const said = message.kind === 'response' ? this.#reply(message) : this.#noted(message)
      return said === undefined || this.#parts.say(said)
    })
    answer.status(202)
  }

  /** The stream for whatever belongs to no request. A newer one takes the place of an older one, whose client is gone. */
  listen(receiver: Receiver): void {
    const answer = this.#answer(receiver, {
      over: () => {
        if (this.#stream === answer) this.#stream = undefined
      },
    })
    if (!this.#begin(answer, () => true)) return
    const before = this.#stream
    this.#stream = answer
    before?.finish()
    answer.stream()
    this.#unheard.tellAll(answer)
  }

  heard(line: Buffer): void {
    const message = readLine(line)
    if (message.kind === 'unreadable') {
      this.#asked(message.answers)?.answer.fail(new SallyportError('server_failed'))
      this.#parts.stray()
    } else if (message.kind === 'response') this.#answered(message)
    else if (message.kind === 'notification') this.#notified(message)
    else this.#askedBack(message)
  }

  /** Nothing more is said. */
  end(error: Error): void {
    this.#ended = error
    for (const { answer } of [...this.#open.values()]) answer.fail(error)
    this.#stream?.finish()
    this.#asks.clear()
  }

  #answer(
    receiver: Receiver,
    more: Pick<ConstructorParameters<typeof Answer>[0], 'session' | 'openAfterMs' | 'over'>,
  ): Answer {
    return new Answer({
      receiver,
      era: this.#parts.era,
      ...more,
      hold: (answer, held) => {
        if (held) this.#holding.add(answer)
        else if (!this.#holding.delete(answer)) return
        this.#parts.hold(this.#holding.size > 0)
      },
    })
  }

  #begin(answer: Answer, write: () => boolean): boolean {
    if (this.#ended === undefined) return answer.begin(write)
    answer.fail(this.#ended)
    return false
  }

  #asked(id: RequestId | undefined): Asked | undefined {
    return typeof id === 'number' ? this.#open.get(id) : undefined
  }

  #answered({ id, whole }: Extract<Message, { kind: 'response' }>): void {
    if (id === probeId && this.#probed !== undefined) {
      this.#probed(whole)
      this.#probed = undefined
      return
    }
    const asked = this.#asked(id)
    if (asked === undefined) {
      this.#parts.stray()
      return
    }
    asked.answer.last({ ...subscribed(whole, 'result', asked.id), id: asked.id })
    if (asked.method === 'initialize' && 'error' in whole) this.#parts.useless()
  }

  #notified(message: Extract<Message, { kind: 'notification' }>): void {
    const { whole } = message
    const subscription = metaOf(message)[subscriptionKey]
    const { progressToken } = paramsOf(message)
    if (subscription !== undefined) {
      const asked = this.#asked(subscription as RequestId)
      if (asked === undefined) this.#parts.stray()
      else asked.answer.event(subscribed(whole, 'params', asked.id))
    } else if (message.method === 'notifications/progress') {
      const asked = this.#asked(progressToken as RequestId)
      if (asked?.progress === undefined) this.#parts.stray()
      else asked.answer.event({ ...whole, params: { ...paramsOf(message), progressToken: asked.progress } })
    } else this.#tellClient(whole)
  }

  /** A request of the child: only the older protocol has these. */
  #askedBack({ id, whole }: Request): void {
    const asks = this.#asks
    const { era, now, answerMs } = this.#parts
    for (const [old, at] of asks) if (now() - at > answerMs) asks.delete(old)
    const may = era === 'legacy' && asks.size < mostAsks && !asks.has(id)
    if (may) asks.set(id, now())
    if (may && this.#tellClient(whole)) return
    asks.delete(id)
    this.#parts.say({ jsonrpc: '2.0', id, error: { code: -32_601, message: 'The client cannot be asked.' } })
    if (!may) this.#parts.stray()
  }

  /** On the stream that it most likely belongs to, or on the next one. */
  #tellClient(message: JsonObject): boolean {
    const answer = this.#streamOf()
    answer?.event(message)
    if (answer !== undefined) return true
    const kept = this.#parts.era === 'legacy' && this.#unheard.keep(message)
    if (!kept) this.#parts.stray()
    return kept
  }

  #streamOf(): Answer | undefined {
    const modern = this.#parts.era === 'modern'
    const open = [...this.#open.values()].filter(({ logs, method }) =>
      modern ? logs : method !== 'initialize',
    )
    const newest = open.at(-1)?.answer
    return open.length === 1 ? newest : (this.#stream ?? newest)
  }

  /** What a client answers; undefined where it was not asked. */
  #reply({ id, whole }: Extract<Message, { kind: 'response' }>): object | undefined {
    return this.#asks.delete(id) ? whole : undefined
  }

  /** What a client notes, as the child gets it; undefined where it means nothing there. */
  #noted(message: Extract<Message, { kind: 'notification' }>): object | undefined {
    const whole = withMeta(message, {})
    if (message.method !== 'notifications/cancelled') return whole
    const { requestId } = paramsOf(message)
    const found = [...this.#open].find(([, { id }]) => id === requestId)
    // A modern client ends its request's stream instead; of several clients, each has its own ids.
    if (found === undefined || this.#parts.era === 'modern') return undefined
    const [id, { answer }] = found
    this.#open.delete(id)
    answer.finish()
    return { ...whole, params: { ...paramsOf(message), requestId: id } }
  }

  #giveUp(id: number): void {
    const asked = this.#open.get(id)
    if (asked === undefined) return
    asked.answer.fail(new SallyportError('call_timeout'))
    this.#cancel(id, asked.method)
  }

  #cancel(requestId: number, method: string): void {
    // It may not be cancelled, and without it there is no session.
    if (method === 'initialize') this.#parts.useless()
    else
      this.#parts.say({
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId, reason: 'The client does not wait any more.' },
      })
  }
}

/** With the subscription named as its client knows it. */
function subscribed(whole: JsonObject, place: 'params' | 'result', id: RequestId): JsonObject {
  const { [place]: inner } = whole
  const meta = isJsonObject(inner) ? inner['_meta'] : undefined
  if (!isJsonObject(inner) || !isJsonObject(meta) || meta[subscriptionKey] === undefined) return whole
  return { ...whole, [place]: { ...inner, _meta: { ...meta, [subscriptionKey]: id } } }
}
