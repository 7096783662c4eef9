/** An instance of the dev form that runs a program as its server, and clients of it. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { seconds } from '../../src/model/index.ts'
import { createLog } from '../../src/telemetry/index.ts'
import { type Ports, type Running, startInstance } from '../kit/instance.ts'
import { startUpstream, type Upstream } from '../kit/upstream.ts'

vi.setConfig({ testTimeout: 60_000 })

const plain = join(import.meta.dirname, 'servers/plain.mjs')

type Fields = Record<string, any>
type Person = 'alice' | 'bob'

export interface Told {
  readonly status: number
  readonly headers: Headers
  /** The answer, or the last event. */
  readonly body: Fields
  /** Every message of it, in order. */
  readonly messages: readonly Fields[]
  /** Status and reason code, or the text of the tool. */
  readonly outcome: string
}

/** One MCP session of the older protocol. */
export interface LegacySession {
  readonly id: string
  readonly person: Person
  post(message: Fields, more?: RequestInit): Promise<Told>
  request(method: string, params?: Fields, id?: string | number): Promise<Told>
  call(name: string, args?: Fields, meta?: Fields): Promise<Told>
  /** The text that a tool answers, as JSON where it is. */
  deed(name: string, args?: Fields, meta?: Fields): Promise<any>
  /** The pid of its child. */
  pid(): Promise<number>
  /** Opens the stream for what belongs to no request; resolves when its head is there. */
  listen(): Promise<{
    readonly text: () => string
    readonly ended: Promise<void>
    readonly close: () => void
  }>
  end(): Promise<number>
}

export interface StdioWorld {
  readonly running: Running
  readonly api: Upstream
  readonly log: readonly string[]
  readonly endpoint: string
  token(person: Person): string
  begin(person?: Person, capabilities?: Fields): Promise<LegacySession>
  initialize(person?: Person): Promise<Told>
  modern(method: string, params?: Fields, more?: { person?: Person; id?: string | number }): Promise<Told>
  send(person: Person, init: RequestInit): Promise<Response>
  record(): Fields[]
}

export interface StdioOptions {
  readonly command?: readonly string[]
  readonly words?: readonly string[]
  /** Further lines of the configuration. */
  readonly more?: string
  readonly tools?: string
  /** `{api}` stands for what tools reach through the egress. */
  readonly env?: Readonly<Record<string, string>>
  readonly named?: readonly string[]
  readonly ports?: Ports
}

const usualTools = `
  "*": { class: read, uses: [] }
  egress: { class: read, uses: ["orders GET /orders/{id}"] }`

export async function startStdio(options: StdioOptions = {}): Promise<StdioWorld> {
  const api = await startUpstream((incoming, response) => {
    incoming.resume().on('end', () => response.end('{"ok":true}'))
  })
  const log: string[] = []
  const more = Object.entries(options.env ?? {}).map(([name, value]) => [
    name,
    value.replace('{api}', api.url),
  ])
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...Object.fromEntries(more) }
  const running = await startInstance({
    form: 'dev',
    front: 'gateway',
    ...(options.ports === undefined ? {} : { ports: options.ports }),
    log: createLog({ level: 'debug', stream: { write: (line: string) => log.push(line) } }),
    files: { key: 'orders-key-of-everybody-4b1c' },
    env,
    run: {
      command: options.command ?? [process.execPath, plain, ...(options.words ?? [])],
      env: options.named ?? [],
    },
    config: () => `allow: [anyone]
tools:${options.tools ?? usualTools}
downstreams:
  orders:
    url: "${api.url}"
    resource: https://orders.example
    static: { header: X-Api-Key, value: file:key, per: all, owner: tests }
    operations: [{ op: "GET /orders/{id}", class: read }]
${options.more ?? ''}
`,
  })
  const { instance } = running
  const endpoint = `${running.faces.gateway!.url}/mcp`
  const tokens = new Map<Person, string>()
  const issue = (person: Person) =>
    instance.dev!.issue(person, { audience: instance.config.servers[0]!.resource, ttl: seconds(3000) })
  const token = (person: Person): string => {
    const known = tokens.get(person) ?? issue(person)
    tokens.set(person, known)
    return known
  }
  const send: StdioWorld['send'] = (person, init) => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${token(person)}`)
    return fetch(endpoint, { ...init, headers })
  }
  const initialize = async (person: Person = 'alice', capabilities: Fields = {}) => {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities,
      clientInfo: { name: 'test', version: '1' },
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
    return toldOf(await send(person, { method: 'POST', headers: posted, body }))
  }
  return {
    running,
    api,
    log,
    endpoint,
    token,
    send,
    initialize,
    begin: async (person = 'alice', capabilities = {}) => {
      const { status, headers, body } = await initialize(person, capabilities)
      expect(status, JSON.stringify(body)).toBe(200)
      const session = sessionOf(headers.get('mcp-session-id')!, person, send)
      await session.post({ method: 'notifications/initialized' })
      return session
    },
    modern: async (method, params = {}, { person = 'alice', id = 1 } = {}) => {
      const { _meta, ...others } = params
      const meta = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
        ..._meta,
      }
      const name = params['name'] === undefined ? {} : { 'mcp-name': params['name'] }
      const headers = { ...posted, 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...name }
      const body = JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...others, _meta: meta } })
      return toldOf(await send(person, { method: 'POST', headers, body }))
    },
    record: () => linesBelow(join(instance.config.data, 'records')),
  }
}

const posted = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

function sessionOf(id: string, person: Person, send: StdioWorld['send']): LegacySession {
  const named = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' }
  let last = 0
  const post: LegacySession['post'] = async (message, more = {}) => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message })
    return toldOf(await send(person, { method: 'POST', headers: { ...posted, ...named }, body, ...more }))
  }
  const request: LegacySession['request'] = (method, params = {}, number = ++last) =>
    post({ id: number, method, params })
  const call: LegacySession['call'] = (name, args = {}, meta) =>
    request('tools/call', { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) })
  const deed: LegacySession['deed'] = async (name, args, meta) => {
    const { body, outcome } = await call(name, args, meta)
    const text = body['result']?.content?.[0]?.text
    expect(text, outcome).toBeTypeOf('string')
    return /^[[{]/.test(text) ? JSON.parse(text) : text
  }
  return {
    id,
    person,
    post,
    request,
    call,
    deed,
    pid: async () => (await deed('whoami')).pid,
    listen: async () => {
      const gone = new AbortController()
      const response = await send(person, {
        headers: { accept: 'text/event-stream', ...named },
        signal: gone.signal,
      })
      expect(response.status).toBe(200)
      let text = ''
      const read = async () => {
        const decoder = new TextDecoder()
        for await (const part of response.body!) text += decoder.decode(part)
      }
      return { text: () => text, ended: read().catch(() => undefined), close: () => gone.abort() }
    },
    end: async () => (await send(person, { method: 'DELETE', headers: named })).status,
  }
}

async function toldOf(response: Response): Promise<Told> {
  const text = await response.text()
  const events = (response.headers.get('content-type') ?? '').includes('event-stream')
  const messages: Fields[] = events
    ? [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json!))
    : text === ''
      ? []
      : [JSON.parse(text)]
  const body = messages.at(-1) ?? {}
  const { error, result } = body
  const words = error === undefined ? [result?.content?.[0]?.text] : [error.code, error.data?.code]
  const outcome = [response.status, ...words].filter((it) => it !== undefined && it !== '').join(' ')
  return { status: response.status, headers: response.headers, body, messages, outcome }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Waits until it holds. */
export const eventually = (look: () => unknown, timeout = 10_000): Promise<unknown> =>
  vi.waitFor(async () => expect(await look()).toBe(true), { timeout, interval: 20 })

function linesBelow(folder: string): Fields[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.jsonl'))
    .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
