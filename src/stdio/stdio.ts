import type { Receiver } from '../egress/index.ts'
import {
  type Access,
  isJsonObject,
  type JsonObject,
  principalKey,
  SallyportError,
  type Server,
} from '../model/index.ts'
import { Answer, type Era } from './answer.ts'
import { Child, type ChildDeps, type ChildSlice, OtherEra } from './child.ts'
import { openKeeper } from './keeper.ts'
import { type Message, type RequestId, readMessage } from './message.ts'

export interface StdioSlice extends ChildSlice {
  /** How many children there may be at once, and how many of one principal. */
  readonly children: number
  readonly childrenOfOne: number
  /** The `PATH` of what ends them if we cannot. */
  readonly path: string
}

/** One request of a client as the gateway passes it on. */
export interface StdioRequest {
  readonly server: Server
  readonly access: Access
  readonly era: Era
  /** `POST`, `GET` or `DELETE`. */
  readonly method: string
  /** The MCP session that it names, which is the asking principal's. */
  readonly session: string | undefined
  /** One message, which was read strictly. */
  readonly body: Buffer | null
  /** The call that it begins. */
  readonly call: { readonly id: string; readonly token: string } | undefined
}

/** In place of a connection to the server. */
export interface Stdio {
  /** As `Transport.send`. */
  send(request: StdioRequest, receiver: Receiver): void
  /** Ends every child; resolves when all are gone. */
  close(): Promise<void>
}

export interface StdioDeps extends Omit<ChildDeps, 'keeper'> {
  readonly newSessionId: () => string
}

/** What a client is told to use that asked for what the child does not speak. */
const older = ['2025-11-25', '2025-06-18']
/** For how long a server that speaks the older protocol only is not asked anew. */
const otherEraMs = 60_000

export function createStdio(slice: StdioSlice, deps: StdioDeps): Stdio {
  const keeper = openKeeper(deps.folder, slice.path, deps.log)
  const children = new Children(slice, { ...deps, keeper })
  return {
    send: (request, receiver) => {
      send(request, receiver, children).catch((error: unknown) => {
        receiver.onError(error instanceof Error ? error : new SallyportError('server_failed'))
      })
    },
    close: async () => {
      await children.close()
      keeper.close()
    },
  }
}

/** Rejects only while nothing was told to the receiver. */
async function send(request: StdioRequest, receiver: Receiver, children: Children): Promise<void> {
  const { method, call, era } = request
  const message = method === 'POST' ? messageOf(request.body) : undefined
  if (children.isOlder(request)) {
    refuseEra(request, message, receiver)
    return
  }
  const begins = message?.kind === 'request' && message.method === 'initialize'
  const session = begins && request.session === undefined ? children.newSessionId() : undefined
  const child = children.of(request, session)
  child.touch()
  try {
    await child.ready
  } catch (error) {
    if (!(error instanceof OtherEra)) throw error
    children.foundOlder(request)
    refuseEra(request, message, receiver)
    return
  }
  if (message === undefined) withoutMessage(method, child, { receiver, era })
  else if (message.kind !== 'request') child.conversation.tell(message, receiver)
  else {
    if (call !== undefined) child.handed(call.token, call.id)
    child.conversation.ask(message, { receiver, token: call?.token, session })
  }
  child.touch()
}

function withoutMessage(
  method: string,
  child: Child,
  { receiver, era }: { readonly receiver: Receiver; readonly era: Era },
): void {
  if (method === 'GET') {
    child.conversation.listen(receiver)
    return
  }
  const answer = new Answer({ receiver, era, hold: () => undefined, over: () => undefined })
  if (!answer.begin(() => true)) return
  child.end(new SallyportError('protocol_session_unknown'))
  answer.status(204)
}

/** The refusal of MCP 2026-07-28, by which a client of both protocols knows to use the older one. */
function refuseEra({ era }: StdioRequest, message: Message | undefined, receiver: Receiver): void {
  const id: RequestId | null = message?.kind === 'request' ? message.id : null
  const data = { supported: older, requested: '2026-07-28' }
  const error = { code: -32_022, message: 'The server behind speaks an older protocol version only.', data }
  const answer = new Answer({ receiver, era, hold: () => undefined, over: () => undefined })
  if (answer.begin(() => true)) answer.last({ jsonrpc: '2.0', id, error })
}

function messageOf(body: Buffer | null): Message {
  const value = JSON.parse((body ?? '').toString()) as JsonObject
  const message = isJsonObject(value) ? readMessage(value) : undefined
  if (message === undefined) throw new SallyportError('message_malformed')
  return message
}

/** The children that there are, by what they are for. */
class Children {
  readonly newSessionId: () => string
  readonly #slice: StdioSlice
  readonly #deps: ChildDeps
  /** Those that are spoken to: by MCP session, or by sallyport session. */
  readonly #known = new Map<string, Child>()
  /** Those whose process may still be there. */
  readonly #all = new Set<Child>()
  readonly #older = new Map<string, number>()
  #count = 0
  #closed = false

  constructor(slice: StdioSlice, deps: ChildDeps & Pick<StdioDeps, 'newSessionId'>) {
    this.#slice = slice
    this.#deps = deps
    this.newSessionId = deps.newSessionId
  }

  /** The child of a request, or a new one. `begins`: the MCP session that it begins. */
  of(request: StdioRequest, begins: string | undefined): Child {
    if (this.#closed) throw new SallyportError('shutting_down')
    const { era, session, server, access } = request
    if (era === 'modern') {
      const key = `modern ${server.name} ${access.session.sid}`
      return this.#known.get(key) ?? this.#begin(key, request)
    }
    if (begins !== undefined) return this.#begin(`legacy ${server.name} ${begins}`, request)
    if (session === undefined) throw new SallyportError('protocol_session_missing')
    const child = this.#known.get(`legacy ${server.name} ${session}`)
    if (child === undefined) throw new SallyportError('protocol_session_unknown')
    return child
  }

  /** What was found out lately of a server. */
  isOlder({ era, server }: StdioRequest): boolean {
    return era === 'modern' && (this.#older.get(server.name) ?? 0) > this.#deps.now()
  }

  foundOlder({ server }: StdioRequest): void {
    this.#older.set(server.name, this.#deps.now() + otherEraMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    const all = [...this.#all]
    for (const child of all) child.end(new SallyportError('shutting_down'))
    await Promise.all(all.map(({ gone }) => gone))
  }

  #begin(key: string, { server, access, era }: StdioRequest): Child {
    const { principal, client, sid } = access.session
    const barred = this.#deps.gate.check({ principal, client, server: server.name, sid }, access.rev)
    if (barred !== undefined) throw new SallyportError(barred.reason)
    const after = this.#room(access)
    const child = new Child(
      {
        server,
        access,
        era,
        number: ++this.#count,
        after,
        ended: (it) => {
          if (this.#known.get(key) === it) this.#known.delete(key)
        },
      },
      this.#slice,
      this.#deps,
    )
    this.#known.set(key, child)
    this.#all.add(child)
    this.#deps.metrics.stdioChildren.set(this.#all.size)
    void child.gone.then(() => {
      this.#all.delete(child)
      this.#deps.metrics.stdioChildren.set(this.#all.size)
    })
    return child
  }

  /** Makes room: of his own sessions a person may lose the one that was idle for longest. @throws sessions_full */
  #room({ session }: Access): Promise<unknown> {
    const full = new SallyportError('sessions_full', { retryAfter: 5 })
    const owner = principalKey(session.principal)
    const own = [...this.#all].filter((it) => principalKey(it.access.session.principal) === owner)
    const atMost = Math.min(this.#slice.childrenOfOne, this.#slice.children)
    if (own.length < atMost) {
      if (this.#all.size >= this.#slice.children) throw full
      return Promise.resolve()
    }
    const unused = own.find(({ idle }) => idle)
    if (unused === undefined) throw full
    unused.end(new SallyportError('protocol_session_unknown'))
    return unused.gone
  }
}
