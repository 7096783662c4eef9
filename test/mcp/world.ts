/** A whole instance of the dev form with an MCP server behind its gateway, a downstream behind its egress, and clients. */
import { readdirSync, readFileSync } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import { seconds } from '../../src/model/index.ts'
import { createLog } from '../../src/telemetry/index.ts'
import { type Running, startInstance } from '../kit/instance.ts'
import { askRaw, type Line, openLine } from '../kit/raw.ts'
import { startUpstream as startApi, type Upstream as Api } from '../kit/upstream.ts'
import { startUpstream, type Upstream } from './upstream.ts'

// Each test starts an instance of its own, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

export interface World {
  readonly running: Running
  readonly upstream: Upstream
  /** What tools may reach through the egress. */
  readonly api: Api
  /** Where clients come, without a path. */
  readonly gateway: string
  readonly port: number
  /** Lines of the log. */
  readonly log: readonly string[]
  token(user: 'alice' | 'bob', server?: string, client?: string): string
  /** Sends one message and reads the whole answer. */
  ask(message: Sent, more?: Asked): Promise<Answer>
  /** The same, but returns when the head of the answer is there. */
  open(message: Sent, more?: Asked): Promise<Open>
  /** Bytes over a connection of their own, and what came back. */
  raw(bytes: string | Buffer): Promise<string>
  line(): Promise<Line>
  /** Cuts what was made of this scope before; nothing is held. */
  revoke(kind: string, id: string): Promise<void>
  /** The lines of the record, as they stand in the files. */
  record(): Record<string, any>[]
}

/** A request as a client sends it: its headers besides `Host` and the token, and its body. */
export interface Sent {
  readonly method?: string
  readonly headers?: readonly string[]
  readonly body?: string | Buffer
}

export interface Asked {
  /** `undefined` sends none; by default alice's. */
  readonly token?: string | undefined
  readonly path?: string
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  /** The JSON of the answer, or of the last event of a stream. */
  readonly body: Record<string, any>
  /** Status and reason code; of a JSON-RPC error its number too. */
  readonly outcome: string
}

export interface Open {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** What came so far. */
  readonly text: () => string
  /** Resolves when this text has come; rejects when the answer ends without it. */
  readonly until: (text: string) => Promise<void>
  /** Resolves when nothing comes any more: whether it was complete. */
  readonly ended: Promise<boolean>
  readonly request: ClientRequest
  readonly response: IncomingMessage
}

export interface WorldOptions {
  /** In place of the servers `a` and `b`, indented by two. */
  readonly servers?: string
  /** Further lines of the configuration. */
  readonly more?: string
}

const usualServers = `
  a:
    url: "{upstream}/at-a"
    allow: [anyone]
    tools:
      read_order: { class: read, labels: [orders], uses: ["orders GET /orders/{id}"] }
      write_order: { class: write, uses: ["orders POST /orders"] }
      managers: { class: read, uses: ["orders GET /orders/{id}"], allow: ["group:developers"] }
      wipe: { class: never, uses: [orders] }
  b:
    url: "{upstream}/at-b"
    allow: [anyone]
    tools:
      wipe: { class: read, uses: ["orders GET /orders/{id}"] }`

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const upstream = await startUpstream()
  const api = await startApi((incoming, response) => {
    incoming.resume().on('end', () => response.end('{"ok":true}'))
  })
  const log: string[] = []
  const running = await startInstance({
    form: 'dev',
    front: 'gateway',
    log: createLog({ level: 'debug', stream: { write: (line: string) => log.push(line) } }),
    files: { key: 'orders-key-of-everybody-4b1c' },
    config: () => `servers:${(options.servers ?? usualServers).replaceAll('{upstream}', upstream.url)}
downstreams:
  orders:
    url: "${api.url}"
    resource: https://orders.example
    static: { header: X-Api-Key, value: file:key, per: all, owner: tests }
    operations: [{ op: "GET /orders/{id}", class: read }, { op: "POST /orders", class: write }]
${options.more ?? ''}
`,
  })
  const { instance } = running
  const gateway = running.faces.gateway!.url
  const { port, host } = new URL(gateway)
  const alone = instance.config.servers.length === 1
  const serverOf = (name: string | undefined) =>
    instance.config.servers.find((it) => name === undefined || it.name === name)!
  const token: World['token'] = (user, server, client) => {
    const audience = serverOf(server).resource
    return instance.dev!.issue(user, {
      audience,
      ttl: seconds(3000),
      ...(client === undefined ? {} : { client }),
    })
  }
  const open: World['open'] = ({ method = 'POST', headers = [], body }, asked = {}) => {
    const bearer = 'token' in asked ? asked.token : token('alice')
    const authorization = bearer === undefined ? [] : ['Authorization', `Bearer ${bearer}`]
    const length = body === undefined ? [] : ['Content-Length', String(Buffer.byteLength(body))]
    const lines = ['Host', host, ...authorization, ...headers, ...length]
    const path = asked.path ?? (alone ? '/mcp' : '/a/mcp')
    return opened(
      request({ host: '127.0.0.1', port, agent: false, method, path, headers: lines as never }),
      body,
    )
  }
  return {
    running,
    upstream,
    api,
    gateway,
    port: Number(port),
    log,
    token,
    open,
    ask: async (message, asked) => readAnswer(await open(message, asked)),
    raw: (bytes) => askRaw(Number(port), bytes, 8000),
    line: () => openLine(Number(port)),
    revoke: async (kind, id) => {
      const order = { scope: { kind, id }, hold: false, cause: 'a test', wait: 'fence' }
      const { status, body } = await running.admin('POST', '/v1/revocations', order)
      expect(status, JSON.stringify(body)).toBe(200)
    },
    record: () => linesBelow(join(instance.config.data, 'records')),
  }
}

function opened(sending: ClientRequest, body: string | Buffer | undefined): Promise<Open> {
  onTestFinished(() => void sending.destroy())
  return new Promise((resolve, reject) => {
    sending.on('error', reject)
    sending.on('response', (response) => {
      let text = ''
      let over = false
      const waiting = new Set<() => void>()
      const tell = () => {
        for (const look of [...waiting]) look()
      }
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
        tell()
      })
      // What is cut off ends with an error here, which `ended` tells.
      response.on('error', () => undefined)
      sending.on('error', () => undefined)
      const ended = new Promise<boolean>((done) => {
        response.once('close', () => {
          over = true
          tell()
          done(response.complete)
        })
      })
      const until = (wanted: string) =>
        new Promise<void>((found, missed) => {
          const look = () => {
            if (!text.includes(wanted) && !over) return
            waiting.delete(look)
            if (text.includes(wanted)) found()
            else missed(new Error(`ended without ${wanted}: ${text.slice(0, 500)}`))
          }
          waiting.add(look)
          look()
        })
      const { statusCode: status = 0, headers } = response
      resolve({ status, headers, text: () => text, until, ended, request: sending, response })
    })
    sending.end(body)
  })
}

async function readAnswer({ status, headers, text, ended }: Open): Promise<Answer> {
  await ended
  const body = bodyOf(headers['content-type'] ?? '', text())
  const { error } = body
  const code = error === undefined ? [] : [error.code, error.data?.code ?? '']
  return { status, headers, text: text(), body, outcome: [status, ...code].join(' ').trim() }
}

function bodyOf(type: string, text: string): Record<string, any> {
  const json = type.includes('event-stream') ? text.split('data: ').at(-1)!.trim() : text
  try {
    return JSON.parse(json)
  } catch {
    return {}
  }
}

function linesBelow(folder: string): Record<string, any>[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.jsonl'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .flatMap((name) => readFileSync(name, 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
