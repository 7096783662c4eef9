/** An instance of the dev form with its gateway, an MCP server with one tool, and accounts that people link. */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, vi } from 'vitest'
import { seconds } from '../../src/model/index.ts'
import { createLog } from '../../src/telemetry/index.ts'
import { type Running, startInstance } from '../kit/instance.ts'
import { type Browser, createBrowser } from '../kit/walk.ts'

export { page, through } from '../kit/through.ts'

vi.setConfig({ testTimeout: 60_000 })

export interface World {
  readonly running: Running
  readonly url: string
  /** Lines of the log. */
  readonly log: readonly string[]
  /** Calls the tool; gives the text of its result. */
  call(person: string, more?: { readonly client?: string; readonly tool?: string }): Promise<string>
  /** The link in the answer of a call. */
  link(person: string, more?: { readonly client?: string; readonly tool?: string }): Promise<string>
  browser(): Browser
  record(): Record<string, any>[]
  revoke(scope: object): Promise<Record<string, any>>
}

export interface WorldOptions {
  /** Lines below `downstreams:`, of which one is `mine`. */
  readonly downstreams: string
  readonly files?: Readonly<Record<string, string>>
  /** Further servers, below `servers:`. */
  readonly servers?: string
}

/** The tool asks its downstream once, and says what came. */
async function startServer(egress: () => string): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const { id, params } = JSON.parse(await text(request)) as { id: number; params: { name: string } }
      const answer = await fetch(`${egress()}/downstream/${params.name}/user`, {
        headers: { authorization: request.headers.authorization ?? '' },
      })
      const said = `${answer.status} ${await answer.text()}`
      const result = { content: [{ type: 'text', text: said }] }
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close().closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function startWorld({ downstreams, files = {}, servers = '' }: WorldOptions): Promise<World> {
  const log: string[] = []
  const upstream = await startServer(() => running.egress)
  const running: Running = await startInstance({
    form: 'dev',
    front: 'gateway',
    log: createLog({ level: 'debug', stream: { write: (line: string) => void log.push(line) } }),
    files,
    config: () => `servers:
  main:
    url: "${upstream}/mcp"
    allow: [anyone]
    tools: { mine: { class: read, uses: ["mine GET /user"] } }
${servers}
downstreams:
${downstreams}
`,
  })
  const { instance } = running
  const gateway = running.faces.gateway!.url
  const alone = instance.config.servers.length === 1
  const call: World['call'] = async (person, { client, tool = 'mine' } = {}) => {
    const server = instance.config.servers.find(({ name }) => name === 'main')!
    const token = instance.dev!.issue(person, {
      audience: server.resource,
      ttl: seconds(3000),
      ...(client === undefined ? {} : { client }),
    })
    const answer = await fetch(`${gateway}${alone ? '' : '/main'}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: tool, arguments: {} },
      }),
    })
    const body = (await answer.json()) as {
      result?: { content: { text: string }[] }
      error?: { message: string }
    }
    return body.result?.content[0]?.text ?? `${answer.status} ${body.error?.message}`
  }
  return {
    running,
    url: gateway,
    log,
    call,
    link: async (person, more) => {
      const said = await call(person, more)
      const found = /https?:\/\/\S+\/connect\/\S+/.exec(said)?.[0]
      expect(found, said).toBeDefined()
      return found!
    },
    browser: () => createBrowser({ leaveAt: 'https://nowhere.example/' }),
    record: () => linesBelow(join(instance.config.data, 'records')),
    revoke: async (scope) => {
      const order = { scope, hold: false, cause: 'a test', wait: 'providers', wait_s: 10 }
      const { status, body } = await running.admin('POST', '/v1/revocations', order)
      expect(status, JSON.stringify(body)).toBe(200)
      return (body as { receipt: Record<string, any> }).receipt
    },
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
