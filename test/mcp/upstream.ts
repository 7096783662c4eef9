/** An MCP server that answers as a test says, in both eras, and keeps every byte that reached it. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

type Fields = Readonly<Record<string, any>>

/** One request as it reached the server. */
export interface Reached {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
  /** The message; empty where there is no body. */
  readonly message: Fields
  /** The call token it came with. */
  readonly token: string
  readonly response: ServerResponse
  /** Resolves when the other side is gone, or the answer is complete. */
  readonly closed: Promise<unknown>
}

export interface Upstream {
  readonly url: string
  /** In order, once each request is whole. */
  readonly seen: readonly Reached[]
  /** Messages by their method, `GET` and `DELETE` for those without. */
  readonly methods: readonly string[]
  /** Every byte that came over any connection. */
  readonly bytes: () => Buffer
  /** What is answered; by default as an honest server does. */
  answer: (reached: Reached) => void
  /** Resolves with the next request that is whole from now on. */
  next(): Promise<Reached>
}

export const tools = ['read_order', 'wipe', 'write_order', 'managers', 'constructor', 'Read_Order'].map(
  (name) => ({
    name,
    description: `what ${name} does`,
    inputSchema: { type: 'object' },
  }),
)

export async function startUpstream(): Promise<Upstream> {
  const seen: Reached[] = []
  const chunks: Buffer[] = []
  const waiting: ((reached: Reached) => void)[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const reached = reachedOf(request, response, Buffer.concat(pieces).toString())
      seen.push(reached)
      for (const tell of waiting.splice(0)) tell(reached)
      upstream.answer(reached)
    })
  })
  server.on('connection', (socket) => socket.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk))))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const upstream: Upstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get methods() {
      return seen.map(({ method, message }) => String(message['method'] ?? method))
    },
    bytes: () => Buffer.concat(chunks),
    answer: honest,
    next: () => new Promise((resolve) => waiting.push(resolve)),
  }
  return upstream
}

function reachedOf(request: IncomingMessage, response: ServerResponse, body: string): Reached {
  const { method = '', url: path = '', headers, rawHeaders } = request
  const token = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
  const message = body === '' ? {} : (JSON.parse(body) as Fields)
  return {
    ...{ method, path, headers, rawHeaders, body, message, token, response },
    closed: new Promise((resolve) => response.once('close', resolve)),
  }
}

/** The result that an honest server has for a message. */
export function resultOf({ message }: Pick<Reached, 'message'>): Fields {
  const modern = message['params']?._meta?.['io.modelcontextprotocol/protocolVersion'] !== undefined
  const common = modern ? { resultType: 'complete' } : {}
  if (message['method'] === 'tools/list') {
    const cache = modern ? { cacheScope: 'public', ttlMs: 3_600_000 } : {}
    return { ...common, tools, ...cache }
  }
  if (message['method'] === 'initialize')
    return {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'fake', version: '1' },
    }
  return { ...common, content: [{ type: 'text', text: `did ${message['params']?.name}` }] }
}

export const answerTo = (reached: Pick<Reached, 'message'>, result: Fields = resultOf(reached)): string =>
  JSON.stringify({ jsonrpc: '2.0', id: reached.message['id'], result })

/** Answers in one JSON text; a session id with `initialize`, 202 for what needs no answer. */
export function honest(reached: Reached): void {
  const { method, message, response } = reached
  if (method === 'GET') openStream(reached)
  else if (method === 'DELETE') response.writeHead(204).end()
  else if (message['id'] === undefined || message['method'] === undefined) response.writeHead(202).end()
  else {
    const session = message['method'] === 'initialize' ? { 'mcp-session-id': `session-${Math.random()}` } : {}
    response.writeHead(200, { 'content-type': 'application/json', ...session }).end(answerTo(reached))
  }
}

/** The same as an event stream, which ends with the answer. */
export function asEvents(reached: Reached): void {
  const { message, method } = reached
  if (method !== 'POST' || message['id'] === undefined) honest(reached)
  else openStream(reached).end(`: hello\n\nid: 1\nevent: message\ndata: ${answerTo(reached)}\n\n`)
}

export function openStream({ response }: Reached): ServerResponse {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  return response
}
