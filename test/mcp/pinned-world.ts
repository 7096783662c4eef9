import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { queryRecords } from '../../src/audit/index.ts'
import { type Running, startInstance } from '../kit/instance.ts'
import { startUpstream } from '../kit/upstream.ts'

export type Listed = Record<string, unknown> & { readonly name: string }

/** What a test may turn while the server runs. */
export interface ServerKnobs {
  tools: unknown[]
  /** The body of the answer to a list, in place of one that holds `tools`. */
  listBody: ((id: unknown) => string | Buffer) | undefined
  streams: boolean
  readonly called: string[]
}

export interface Listing extends Running {
  readonly knobs: ServerKnobs
  readonly gateway: string
  /** Names that a client sees. */
  names(token?: string): Promise<readonly string[]>
  ask(
    method: string,
    params?: object,
    token?: string,
  ): Promise<{ readonly status: number; readonly text: string }>
  /** Whether a call reaches the server. */
  call(tool: string, token?: string): Promise<boolean>
  token(user: string): Promise<string>
  records(filter?: object): Promise<readonly Record<string, unknown>[]>
  again(config?: string): Promise<Listing>
}

export const search: Listed = {
  name: 'search',
  title: 'Search',
  description: 'Finds orders.',
  inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
}

const standard = `allow: [anyone]
anonymous: tester
`
const single = `login: { issuer: "https://idp.example" }
key: file:./key
tenant: dev
environment: dev
`

/** A server whose list is the test's, behind a gateway; clients without a token are `tester`. */
export async function startListing(
  tools: string,
  options: {
    readonly form?: 'dev' | 'single'
    readonly rest?: string
    readonly propose?: (text: string) => void
  } = {},
): Promise<Listing> {
  const knobs: ServerKnobs = { tools: [search], listBody: undefined, streams: false, called: [] }
  const upstream = await startUpstream((request, response) => void answer(request, response, knobs))
  const { form = 'dev', rest = standard, propose } = options
  const start = async (text: string, before?: Running & { readonly ports: Ports }): Promise<Listing> => {
    let taken = before?.ports
    const running = await startInstance({
      form,
      ...(propose === undefined ? {} : { machine: { propose } }),
      config: (ports) => {
        taken = ports
        return `server: ${upstream.url}/mcp\n${rest}${form === 'dev' ? '' : single}${text}`
      },
      files: { key: Buffer.alloc(32, 7).toString('base64') },
      ...(before === undefined ? {} : { folder: before.folder, ports: before.ports }),
    })
    return listing(running, knobs, async (next = text) => {
      await running.stop()
      if (taken === undefined) throw new Error('no ports')
      return start(next, { ...running, ports: taken })
    })
  }
  return start(tools)
}

type Ports = Parameters<Parameters<typeof startInstance>[0]['config']>[0]

function listing(running: Running, knobs: ServerKnobs, again: Listing['again']): Listing {
  const gateway = running.faces.gateway?.url ?? ''
  const ask: Listing['ask'] = async (method, params = {}, token) => {
    const answered = await fetch(`${gateway}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-06-18',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    })
    return { status: answered.status, text: await answered.text() }
  }
  return {
    ...running,
    knobs,
    gateway,
    ask,
    again,
    names: async (token) => {
      const { text } = await ask('tools/list', {}, token)
      const data = text.startsWith('{') ? text : text.replace(/^[\s\S]*?data: /, '')
      const { result } = JSON.parse(data) as { result: { tools: Listed[] } }
      return result.tools.map(({ name }) => name)
    },
    call: async (tool, token) => {
      const before = knobs.called.length
      const { text } = await ask('tools/call', { name: tool, arguments: {} }, token)
      const reached = knobs.called.length > before
      if (!reached && !text.includes(`Tool ${tool} not found`)) throw new Error(text)
      return reached
    },
    token: async (user) => {
      const { body } = await running.admin('POST', '/v1/dev/tokens', { user, ttl: 300 })
      return String(body['token'])
    },
    records: async (filter = {}) => {
      const lines: Record<string, unknown>[] = []
      const folder = join(running.folder, 'data', 'records')
      for await (const { line } of queryRecords(folder, filter)) lines.push(line)
      return lines
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, knobs: ServerKnobs): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const message = JSON.parse(body === '' ? '{}' : body) as {
    id?: unknown
    method?: string
    params?: { name?: string }
  }
  const { id, method } = message
  if (method === 'tools/call') knobs.called.push(String(message.params?.name))
  const result = method === 'tools/list' ? { tools: knobs.tools } : { content: [] }
  const text =
    method === 'tools/list' && knobs.listBody !== undefined
      ? knobs.listBody(id)
      : JSON.stringify({ jsonrpc: '2.0', id, result })
  response.writeHead(200, { 'content-type': knobs.streams ? 'text/event-stream' : 'application/json' })
  response.end(knobs.streams && typeof text === 'string' ? `data: ${text}\n\n` : text)
}
