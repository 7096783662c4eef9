/** The snippets of docs/proxies.md, run as they stand there but for addresses, in front of a real instance. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Agent, fetch } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { nginxFrame } from '../../bench/nginx.ts'
import { seconds } from '../../src/model/index.ts'
import { certificateFor } from '../kit/certificate.ts'
import { runCli } from '../kit/cli.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { startInstance } from '../kit/instance.ts'
import { parts } from '../kit/parts.ts'
import { freePort, startDaemon, untilReady } from '../kit/parts/process.ts'
import { startUpstream } from '../mcp/upstream.ts'

const here = parts()
const page = readFileSync(fileURLToPath(new URL('../../docs/proxies.md', import.meta.url)), 'utf8')

const fence = (pattern: RegExp): string => pattern.exec(page)?.[1] ?? ''
const snippets = {
  nginx: fence(/```nginx\n([^]*?)```/),
  envoy: fence(/```yaml fragment\n(static_resources[^]*?)```/),
}

/** Every change has to find what it changes, or the test would run something else than the page shows. */
function changed(text: string, changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((before, [from, to]) => {
    expect(before).toContain(from)
    return before.replaceAll(from, to)
  }, text)
}

interface Ways {
  /** Through the proxy. */
  readonly url: string
  /** Straight to the gateway. */
  readonly direct: string
  readonly port: number
  readonly folder: string
  readonly agent: Agent
  readonly ca: string
  readonly token: string
  readonly upstream: Awaited<ReturnType<typeof startUpstream>>
  readonly target: number
  readonly certificate: readonly [cert: string, key: string]
}

async function openWays(): Promise<Ways> {
  const folder = temporaryFolder()
  const { cert, key } = certificateFor('localhost')
  const ca = join(folder, 'cert.pem')
  writeFileSync(ca, cert)
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 })
  const port = await freePort()
  const url = `https://localhost:${port}`
  const upstream = await startUpstream()
  const {
    instance,
    faces,
    folder: own,
  } = await startInstance({
    form: 'dev',
    url,
    config: () => `server: ${upstream.url}/mcp
allow: [anyone]
tools: { read_order: { class: read, uses: [] } }
`,
  })
  const agent = new Agent({ connect: { ca: cert } })
  onTestFinished(() => agent.close())
  const [server] = instance.config.servers
  const token = instance.dev!.issue('alice', { audience: server!.resource, ttl: seconds(600) })
  const direct = faces.gateway!.url
  const target = Number(new URL(direct).port)
  const certificate = [ca, join(folder, 'key.pem')] as const
  return { url, direct, port, folder: own, agent, ca, token, upstream, target, certificate }
}

async function startNginx({ port, target, certificate: [cert, key] }: Ways): Promise<void> {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'conf'))
  const file = join(folder, 'conf', 'nginx.conf')
  const snippet = changed(snippets.nginx, [
    ['127.0.0.1:9181', `127.0.0.1:${target}`],
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ['/etc/ssl/crm.acme.example.pem', cert],
    ['/etc/ssl/crm.acme.example.key', key],
    ['crm.acme.example', 'localhost'],
  ])
  writeFileSync(file, nginxFrame(folder, snippet))
  await start('nginx', here.clients!.nginx, ['-c', file, '-p', folder], port)
}

async function startEnvoy({ port, target, certificate: [cert, key] }: Ways): Promise<void> {
  const file = join(temporaryFolder(), 'envoy.yaml')
  const snippet = changed(snippets.envoy, [
    ['address: 0.0.0.0, port_value: 443', `address: 127.0.0.1, port_value: ${port}`],
    ['port_value: 9181', `port_value: ${target}`],
    ['/etc/ssl/crm.acme.example.pem', cert],
    ['/etc/ssl/crm.acme.example.key', key],
    ['"crm.acme.example"', `"localhost:${port}"`],
  ])
  writeFileSync(file, snippet)
  const args = ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error']
  await start('envoy', here.envoy!, args, port)
}

async function start(name: string, program: string, args: readonly string[], port: number): Promise<void> {
  const logFile = join(temporaryFolder(), `${name}.log`)
  const daemon = await startDaemon({ program, args, logFile })
  onTestFinished(() => daemon.kill())
  const listens = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  await untilReady(name, daemon, listens, 20)
}

interface Request {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })
const call = (more: object = {}): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 2,
    method: 'tools/call',
    params: { name: 'read_order', arguments: { id: '7', ...more } },
  })

/** Headers that a hop adds or that tell of the hop, and those that differ from answer to answer. */
const ofTheHop = new Set([
  'date',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'server',
  'content-length',
  'sallyport-request-id',
])
/** Every answer has a name of its own. */
const ids = /(?<=request_id":")[^"]+|[0-9a-f]{8}-[0-9a-f-]{27}|(?<=<dt>Request<\/dt><dd><code>)[^<]+/g
const hopsOwn = /^x-(envoy|request-id)/

async function ask(ways: Ways, base: string, path: string, { method = 'GET', headers = {}, body }: Request) {
  const answer = await fetch(`${base}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    redirect: 'manual',
    dispatcher: ways.agent,
  })
  const shown = [...answer.headers].filter(([name]) => !ofTheHop.has(name) && !hopsOwn.test(name))
  const text = await answer.text()
  return {
    status: answer.status,
    headers: Object.fromEntries(shown),
    text: text.replaceAll(ids, ''),
  }
}

const proxies = [
  ['nginx', startNginx, here.clients === undefined],
  ['Envoy', startEnvoy, here.envoy === undefined],
] as const

describe.each(proxies)('%s, as docs/proxies.md sets it up', (_name, startProxy, absent) => {
  test.skipIf(absent)('passes lists, calls, refusals and metadata on as they are', async () => {
    const ways = await openWays()
    await startProxy(ways)
    const bearer = { authorization: `Bearer ${ways.token}` }
    const mcp = {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2025-11-25',
    }
    const requests: readonly (readonly [what: string, path: string, request: Request, status: number])[] = [
      ['no token', '/mcp', { method: 'POST', headers: mcp, body: list }, 401],
      ['a list', '/mcp', { method: 'POST', headers: { ...mcp, ...bearer }, body: list }, 200],
      ['a call', '/mcp', { method: 'POST', headers: { ...mcp, ...bearer }, body: call() }, 200],
      [
        'a call of 200 kB',
        '/mcp',
        { method: 'POST', headers: { ...mcp, ...bearer }, body: call({ text: 'x'.repeat(200_000) }) },
        200,
      ],
      [
        'an unknown session',
        '/mcp',
        { method: 'DELETE', headers: { ...bearer, 'mcp-session-id': 'none' } },
        404,
      ],
      ['the resource', '/.well-known/oauth-protected-resource/mcp', {}, 200],
      ['the authorization server', '/.well-known/oauth-authorization-server', {}, 200],
      ['a client of nobody', '/oauth2/authorize?client_id=nobody&response_type=code', {}, 400],
      ['a path that could be read twice', '/a%2Fmcp//mcp?q=%2F', {}, 400],
    ]
    const statuses: unknown[] = []
    for (const [what, path, request] of requests) {
      const straight = await ask(ways, ways.direct, path, request)
      const through = await ask(ways, ways.url, path, request)
      expect([what, through]).toEqual([what, straight])
      statuses.push([what, through.status])
    }
    expect(statuses).toEqual(requests.map(([what, , , status]) => [what, status]))
    expect(ways.upstream.methods).toContain('tools/call')
    // The server behind has never seen the client's token.
    expect(ways.upstream.bytes().toString()).not.toContain(ways.token)
  })

  test.skipIf(absent)('passes a stream on as it is written', async () => {
    const ways = await openWays()
    await startProxy(ways)
    ways.upstream.answer = ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const event = (value: object): void => void response.write(`data: ${JSON.stringify(value)}\n\n`)
      const progress = { progressToken: 'p', progress: 1 }
      event({ jsonrpc: '2.0', method: 'notifications/progress', params: progress })
      void pause(1_000).then(() => {
        event({ jsonrpc: '2.0', id: 2, result: { content: [] } })
        response.end()
      })
    }
    const answer = await fetch(`${ways.url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ways.token}`,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({
        ...JSON.parse(call()),
        params: { name: 'read_order', arguments: {}, _meta: { progressToken: 'p' } },
      }),
      dispatcher: ways.agent,
    })
    expect(answer.status).toBe(200)
    const times: number[] = []
    let text = ''
    for await (const chunk of answer.body!) {
      times.push(performance.now())
      text += Buffer.from(chunk as Uint8Array).toString()
    }
    expect(text).toContain('notifications/progress')
    expect(text).toContain('"result"')
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(600)
  })

  test.skipIf(absent)('satisfies doctor', async () => {
    const ways = await openWays()
    await startProxy(ways)
    const env = { NODE_EXTRA_CA_CERTS: ways.ca }
    const { out } = await runCli(['doctor', '--json', join(ways.folder, 'sallyport.yaml')], { env })
    const { findings } = JSON.parse(out) as { findings: { code: string }[] }
    const codes = findings.map(({ code }) => code)
    expect(codes).toContain('url_answers')
    expect(codes).not.toContain('url_not_tried')
  })
})
