/**
 * Real clients that take the egress for their proxy, each as it is told to by the environment, and the examples of
 * docs/forward-proxy.md as they stand there.
 */
import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ClientName, type Outcome, request, run } from '../clients/programs.ts'
import { listen, stop } from '../egress/world.ts'
import { certificateFor } from '../kit/certificate.ts'
import { mint, type Running, startInstance } from '../kit/instance.ts'
import { parts } from '../kit/parts.ts'
import { startUpstream, type Upstream } from '../kit/upstream.ts'

const { clients } = parts()
const canary = 'orders-key-canary-5f20c7'
const certificate = certificateFor('mirror.example')

interface Scene {
  readonly running: Running
  readonly upstream: Upstream
  readonly token: string
  /** Host and port under which each is configured. */
  readonly orders: string
  readonly mirror: string
  ask(
    client: ClientName,
    url: string,
    more?: { method?: string; body?: string; token?: string },
  ): Promise<Outcome>
  /** How many requests the egress has answered with a code. */
  counted(code: string): Promise<number>
}

async function stage(): Promise<Scene> {
  const upstream = await startUpstream((incoming, answer) => {
    let size = 0
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
    })
    incoming.on('end', () => {
      if (incoming.url === '/orders/moved')
        answer.writeHead(302, { location: `http://${orders}/orders/1?from=moved` })
      answer.end(JSON.stringify({ path: incoming.url, size }))
    })
  })
  const mirrored = createTlsServer(certificate, (_request, answer) => answer.end('mirror'))
  const mirror = `mirror.example:${await listen(mirrored)}`
  onTestFinished(async () => {
    mirrored.closeAllConnections()
    await stop(mirrored)
  })
  const orders = `orders.internal:${new URL(upstream.url).port}`
  const running = await startInstance({
    form: 'dev',
    files: { 'orders-key': canary },
    machine: { lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) },
    config: () => `allow: [anyone]
direct: [orders, "orders POST /orders"]
network: { allow: [127.0.0.1/32] }
connect: ["${mirror}"]
downstreams:
  orders:
    url: http://${orders}
    insecure: true
    operations: [{ op: "GET /orders/{id}", class: read }, { op: POST /orders, class: write }]
    static: { per: all, value: file:orders-key, owner: tests }
`,
  })
  const issued = await running.admin('POST', '/v1/dev/tokens', { user: 'alice', ttl: 600 })
  const { token } = await mint(running, 'main', (issued.body as { token: string }).token)
  const proxyFor = (secret: string) => `http://x:${secret}@${new URL(running.egress).host}`
  return {
    running,
    upstream,
    token,
    orders,
    mirror,
    ask: (client, url, { method = 'GET', body = '', token: other = token } = {}) =>
      request(client, { method, url, body }, clients!, { proxy: proxyFor(other), ca: certificate.cert }),
    counted: async (code) => {
      const text = await (await fetch(`${running.telemetry}/metrics`)).text()
      const lines = text.matchAll(/^sallyport_egress_requests_total\{.*code="(\w+)".*\} (\d+)$/gm)
      return [...lines].filter(([, it]) => it === code).reduce((sum, [, , count]) => sum + Number(count), 0)
    },
  }
}

const absolute: ClientName[] = ['curl', 'requests', 'httpx', 'Go', 'Node http', 'Node fetch, undici']

describe.skipIf(clients === undefined)('a client that takes the egress for its proxy', () => {
  it.each(absolute)('is refused without a valid token, and does not try for long: %s', async (client) => {
    const { ask, orders, upstream, counted } = await stage()
    const { status, error = '' } = await ask(client, `http://${orders}/orders/1`, { token: 'not-a-token' })
    expect(status === 407 || /407|proxy/i.test(error)).toBe(true)
    expect(upstream.seen).toEqual([])
    expect(await counted('token_malformed')).toBeLessThanOrEqual(2)
  })

  it.each([...absolute, 'Node fetch'] as ClientName[])(
    'gets no tunnel to a downstream, where nothing could be injected: %s',
    async (client) => {
      const { ask, orders, upstream, counted } = await stage()
      const { status } = await ask(client, `https://${orders}/orders/1`)
      expect([undefined, 403]).toContain(status)
      expect(await counted('connect_to_downstream')).toBeGreaterThan(0)
      expect(upstream.seen).toEqual([])
    },
  )

  it.each([...absolute, 'Node fetch'] as ClientName[])(
    'gets no tunnel that is not listed: %s',
    async (client) => {
      const { ask, mirror, counted } = await stage()
      await ask(client, `https://${mirror.replace('mirror', 'other')}/`)
      expect(await counted('connect_refused')).toBeGreaterThan(0)
    },
  )

  it('is told what to do instead by Node’s fetch, which asks for a tunnel even for http', async () => {
    const { ask, orders, upstream, counted } = await stage()
    const { error, status } = await ask('Node fetch', `http://${orders}/orders/1`)
    expect([error === undefined, status]).toEqual([false, undefined])
    expect(await counted('connect_to_downstream')).toBeGreaterThan(0)
    expect(upstream.seen).toEqual([])
  })

  it.each(absolute)(
    'reaches the downstream with its credential, and not with its token: %s',
    async (client) => {
      const { ask, orders, upstream, token } = await stage()
      const { status, body } = await ask(client, `http://${orders}/orders/1?a=b`)
      expect([status, JSON.parse(body!)]).toEqual([200, { path: '/orders/1?a=b', size: 0 }])
      expect(upstream.seen).toHaveLength(1)
      expect(upstream.seen[0]!.headers).toMatchObject({ host: orders, authorization: `Bearer ${canary}` })
      expect(JSON.stringify(upstream.seen)).not.toContain(token)
      expect(JSON.stringify(upstream.seen)).not.toMatch(/proxy/i)
    },
  )

  it('may show its token as Bearer, which curl can', async () => {
    const { running, orders, token, upstream } = await stage()
    const options = ['--silent', '--fail', '--proxy', running.egress]
    const header = ['--proxy-header', `Proxy-Authorization: Bearer ${token}`]
    const { output } = await run(clients!.curl, [...options, ...header, `http://${orders}/orders/1`], {})
    expect(JSON.parse(output)).toEqual({ path: '/orders/1', size: 0 })
    expect(upstream.seen[0]!.headers.authorization).toBe(`Bearer ${canary}`)
  })

  it.each(absolute)('sends a body: %s', async (client) => {
    const { ask, orders } = await stage()
    const { status, body } = await ask(client, `http://${orders}/orders`, {
      method: 'POST',
      body: 'x'.repeat(3000),
    })
    expect([status, JSON.parse(body!)]).toEqual([200, { path: '/orders', size: 3000 }])
  })

  it.each(absolute)('comes through the proxy again where it is redirected: %s', async (client) => {
    const { ask, orders, upstream } = await stage()
    const { status, url } = await ask(client, `http://${orders}/orders/moved`)
    expect([status, url]).toEqual([200, `http://${orders}/orders/1?from=moved`])
    expect(upstream.seen.map((it) => [it.path, it.headers.authorization])).toEqual([
      ['/orders/moved', `Bearer ${canary}`],
      ['/orders/1?from=moved', `Bearer ${canary}`],
    ])
  })

  it.each([...absolute, 'Node fetch'] as ClientName[])(
    'gets a tunnel to what is listed: %s',
    async (client) => {
      const { ask, mirror, upstream } = await stage()
      expect(await ask(client, `https://${mirror}/`)).toMatchObject({ status: 200, body: 'mirror' })
      expect(upstream.seen).toEqual([])
    },
  )
})

const root = fileURLToPath(new URL('../..', import.meta.url))
const document = readFileSync(join(root, 'docs/forward-proxy.md'), 'utf8')
const examples = [...document.matchAll(/^```(sh|python|js)\n([^]*?)^```$/gm)].map(
  ([, language = '', text = '']) => [language, text] as const,
)

describe.skipIf(clients === undefined)('the examples of docs/forward-proxy.md', () => {
  it('are there for every client', () => {
    expect(examples.map(([language]) => language)).toEqual(['sh', 'python', 'python', 'js', 'js'])
    const program = readFileSync(join(root, 'test/clients/go/example/main.go'), 'utf8')
    expect(document).toContain(`\`\`\`go\n${program}\`\`\``)
  })

  it.each(examples)('run: %s %j', async (language, text) => {
    const scene = await stage()
    const here = text
      .replaceAll('127.0.0.1:9180', new URL(scene.running.egress).host)
      .replaceAll('orders.internal', scene.orders)
    const { output, complaints, code } = await runExample(language, here, scene.token)
    expect([code, complaints]).toEqual([0, ''])
    expect(JSON.parse(output)).toEqual({ path: '/orders/1', size: 0 })
    expect(scene.upstream.seen[0]!.headers.authorization).toBe(`Bearer ${canary}`)
  })
})

function runExample(language: string, text: string, token: string): ReturnType<typeof run> {
  const env = { SALLYPORT_TOKEN: token, PYTHONPATH: clients!.python.libraries }
  if (language === 'sh') return run('sh', ['-c', text], env)
  if (language === 'python') return run(clients!.python.program, ['-c', text], env)
  return run(process.execPath, ['--input-type=module', '--eval', text], env)
}
