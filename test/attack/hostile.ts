/** An instance with its gateway, an MCP server that does what a test tells it, and a downstream that notes all it gets. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { queryRecords } from '../../src/audit/index.ts'
import { createLog } from '../../src/telemetry/index.ts'
import { join } from 'node:path'
import { freePorts, type Running, startInstance } from '../kit/instance.ts'

export const credential = 'the-key-of-the-downstream-77aa01'

export interface Arrival {
  /** The id that the downstream gave the request, and told in its answer. */
  readonly id: string
  readonly method: string
  readonly url: string
  readonly body: string
  readonly key: string | undefined
}

/** What a tool of the hostile server does while its call is open. Returns the text of its result. */
export type Deed = (call: {
  /** As it stood in the `Authorization` that the server got. */
  readonly token: string
  readonly args: Record<string, unknown>
}) => Promise<string>

export interface Hostile {
  /** Lines of the log. */
  readonly log: readonly string[]
  readonly running: Running
  readonly gateway: string
  /** What reached the downstream. */
  readonly arrivals: Arrival[]
  readonly deeds: Record<string, Deed>
  /** Everything that the server was sent, headers and bodies. */
  readonly seen: string[]
  signIn(person: string): Promise<string>
  /** A `tools/call` of a client; gives the text of the result, or the error. */
  call(bearer: string, tool: string, args: object): Promise<string>
  /** A request of the server at the egress; gives status and reason code. */
  try(token: string, method: string, path: string, body?: unknown, downstream?: string): Promise<string>
  records(): Promise<readonly Record<string, unknown>[]>
}

const configuration = (server: string, downstream: string) => `
server: ${server}
allow: [anyone]
downstreams:
  orders:
    url: ${downstream}
    static: { header: X-Api-Key, value: file:key, per: all, owner: crm }
    operations:
      - { op: "GET /orders/{id}", class: read }
      - { op: "DELETE /orders/{id}", class: write }
      - { op: "POST /orders/{id}/notes", class: write }
      - { op: "POST /orders/{id}/refunds", class: critical }
  mine:
    url: ${downstream}
    resource: https://mine.example
    static: { header: X-Api-Key, per: user }
    operations: [{ op: "GET /mine", class: read }]
tools:
  my_things: { class: read, uses: [mine] }
  read_order: { class: read, uses: ["orders GET /orders/{id}"] }
  browse: { class: read, uses: [orders] }
  add_note: { class: write, uses: ["orders POST /orders/{id}/notes"] }
  refund:
    class: critical
    uses:
      - op: orders POST /orders/{id}/refunds
        bind: { path.id: id, body.amount: amount }
        rest: refuse
        times: 1
`

export async function startHostile(): Promise<Hostile> {
  const arrivals: Arrival[] = []
  const deeds: Record<string, Deed> = {}
  const seen: string[] = []
  const log: string[] = []
  const downstream = await listenTo(async (req, body, id) => {
    const { method = '', url = '', headers } = req
    arrivals.push({ id, method, url, body, key: headers['x-api-key'] as string | undefined })
    return { done: true }
  })
  const server = await listenTo(async (req, body) => {
    seen.push(`${req.rawHeaders.join('\n')}\n${body}`)
    const { id, params } = JSON.parse(body) as {
      id: number
      params: { name: string; arguments: Record<string, unknown> }
    }
    const token = (req.headers.authorization ?? '').slice('Bearer '.length)
    const said = await deeds[params.name]?.({ token, args: params.arguments })
    return { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: said ?? '' }] } }
  })
  const running = await startInstance({
    form: 'dev',
    log: createLog({ level: 'info', stream: { write: (line: string) => void log.push(line) } }),
    ports: await freePorts(),
    files: { key: credential },
    config: () => configuration(`${server}/mcp`, downstream),
  })
  const gateway = `${running.faces.gateway!.url}/mcp`
  return {
    running,
    gateway,
    arrivals,
    deeds,
    seen,
    log,
    signIn: async (user) => {
      const answer = await running.admin('POST', '/v1/dev/tokens', { user, ttl: 3600 })
      return (answer.body as { token: string }).token
    },
    call: async (bearer, name, args) => {
      const answer = await fetch(gateway, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${bearer}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name, arguments: args },
        }),
      })
      const message = (await answer.json()) as {
        error?: { message: string }
        result?: { content: { text: string }[] }
      }
      return message.result?.content[0]?.text ?? `${answer.status} ${message.error?.message}`
    },
    try: async (token, method, path, body, downstream = 'orders') => {
      const answer = await fetch(`${running.egress}/downstream/${downstream}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const told = (await answer.json()) as { code?: string }
      return told.code === undefined ? String(answer.status) : `${answer.status} ${told.code}`
    },
    records: async () => {
      const lines: Record<string, unknown>[] = []
      for await (const { line } of queryRecords(join(running.folder, 'data', 'records')))
        lines.push({ ...line })
      return lines
    },
  }
}

async function listenTo(
  answer: (req: IncomingMessage, body: string, id: string) => Promise<object>,
): Promise<string> {
  const server: Server = createServer((req, res) => {
    const id = nextId()
    void text(req)
      .then((body) => answer(req, body, id))
      .then(
        (value) => {
          res.writeHead(200, { 'content-type': 'application/json', 'x-request-id': id })
          res.end(JSON.stringify(value))
        },
        (error: unknown) => res.writeHead(500).end(String(error)),
      )
  })
  // A busy machine may take longer to use a connection again than Node keeps it.
  server.keepAliveTimeout = 120_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

let last = 0
const nextId = () => `down-${(last += 1)}`
