/** A whole instance with real listeners, a hostile downstream behind it, and its record to read. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { verifyRecords } from '../../src/audit/index.ts'
import { allLines } from '../audit/record-kit.ts'
import { mint, type Running, startInstance } from '../kit/instance.ts'
import { type Hostile, honest, startHostile } from './hostile.ts'

/** What the record says of one attempt of a request. */
export interface Story {
  readonly class?: string
  readonly result?: string
  readonly status?: number
  readonly reason?: string
  readonly bytesIn?: number
  readonly bytesOut?: number
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** `cut`: the connection ended before the answer did. */
  readonly end: 'whole' | 'cut'
  /** Of a problem document. */
  readonly code: string | undefined
  readonly id: string
}

export interface Asked {
  readonly method?: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

export interface Rig {
  readonly running: Running
  readonly api: Hostile
  readonly token: string
  ask(path?: string, asked?: Asked): Promise<Answer>
  /** A request whose body and answer the test handles itself. */
  open(path: string, method: string, headers?: Readonly<Record<string, string>>): ClientRequest
  /** The attempts of a request, in order; waits until each intent has its outcome. */
  story(id: string): Promise<Story[]>
  /** Ids of all requests in the record, in order. */
  requests(): string[]
  /** After the fault: the next request works, and nothing of the former one is left anywhere. */
  recovers(): Promise<void>
}

const clients = ['http1', 'undici'] as const

export interface RigOptions {
  /** What speaks to the downstream; the product's own choice where it is left out. */
  readonly client?: (typeof clients)[number]
  /** Addresses that may be dialled besides. */
  readonly allow?: readonly string[]
  /** Of the downstream, in place of the hostile server's own. */
  readonly url?: (port: number) => string
  /** The downstream is reached in the clear, and not on this machine. */
  readonly insecure?: true
  readonly limits?: string
  /** Lines of configuration besides. */
  readonly more?: string
  readonly folder?: string
  readonly machine?: Parameters<typeof startInstance>[0]['machine']
}

const operations = `
      - { op: "GET /orders/{id}", class: read }
      - { op: "POST /orders", class: write }
      - { op: "PUT /uploads/{id}", class: write }`

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const api = await startHostile()
  const url = options.url?.(api.port) ?? api.url
  const running = await startInstance({
    form: 'dev',
    files: { shared: 'the-key-of-everybody' },
    ...(options.folder === undefined ? {} : { folder: options.folder }),
    ...(options.machine === undefined ? {} : { machine: options.machine }),
    config: () => `limits: ${options.limits ?? '{ connect: 1s, headers: 1s, idle: 1s }'}
${network(options)}
servers:
  crm:
    url: "http://127.0.0.1:1/mcp"
    allow: [anyone]
    direct: [api, "api POST /orders", "api PUT /uploads/{id}"]
downstreams:
  api:
    url: "${url}"
${options.insecure === true ? '    insecure: true\n' : ''}    static: { header: X-Key, value: file:shared, per: all, owner: crm }
    operations:${operations}
${options.more ?? ''}`,
  })
  const token = await sessionToken(running)
  const open: Rig['open'] = (path, method, headers = {}) => {
    const at = new URL(running.egress)
    const it = request({
      host: at.hostname,
      port: at.port,
      agent: false,
      path: `/downstream/api${path}`,
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
    })
    // What goes wrong is told by the answer, or by the test's own listener.
    it.on('error', () => undefined)
    return it
  }
  const ask: Rig['ask'] = (path = '/orders/1', { method = 'GET', body, headers = {} } = {}) => {
    const framed =
      body === undefined ? headers : { 'content-length': String(Buffer.byteLength(body)), ...headers }
    const asked = open(path, method, framed)
    const answer = read(asked)
    asked.end(body)
    return answer
  }
  const story: Rig['story'] = async (id) => {
    let told: Story[] = []
    await expect
      .poll(
        () => {
          told = storiesOf(running, id)
          return told.length > 0 && told.every(({ result }) => result !== undefined)
        },
        { timeout: 5000, interval: 10 },
      )
      .toBe(true)
    return told
  }
  return {
    running,
    api,
    token,
    ask,
    open,
    story,
    requests: () =>
      recordOf(running)
        .filter(({ kind }) => kind === 'intent')
        .map(({ request: id }) => String(id)),
    recovers: async () => {
      api.behave = honest
      api.greet = () => undefined
      const reads = await Promise.all([ask(), ask('/orders/2')])
      expect(reads.map(({ status, body }) => [status, JSON.parse(body)])).toEqual([
        [200, { path: '/orders/1' }],
        [200, { path: '/orders/2' }],
      ])
      expect((await ask('/orders', { method: 'POST', body: '{}' })).status).toBe(200)
      await leavesNothing(running, api)
    },
  }
}

function network({ client, allow = [] }: RigOptions): string {
  const rules = [...(client === undefined ? [] : [`client: ${client}`]), `allow: [${allow.join(', ')}]`]
  return `network: { ${rules.join(', ')} }`
}

export type Start = (options?: RigOptions) => Promise<Rig>

/** A test of what a downstream or a caller does to a request, with both clients at once. */
export function both(title: string, test: (start: Start) => Promise<void>, timeoutMs = 30_000): void {
  it(title, { timeout: timeoutMs }, async () => {
    await Promise.all(
      clients.map(async (client) => {
        try {
          await test((options = {}) => startRig({ ...options, client }))
        } catch (cause) {
          throw new Error(`with the client ${client}`, { cause })
        }
      }),
    )
  })
}

/** No live work is left, no connection but idle ones is open, and the record verifies. */
export async function leavesNothing(running: Running, api?: Hostile): Promise<void> {
  await expect.poll(() => running.instance.replica.live.size, { timeout: 5000 }).toBe(0)
  if (api !== undefined) await expect.poll(() => api.open.size, { timeout: 5000 }).toBeLessThanOrEqual(3)
  expect(await problemsOf(running)).toEqual([])
}

/** What `sallyport audit verify` would object to. */
async function problemsOf({ instance }: Pick<Running, 'instance'>): Promise<unknown[]> {
  const { publicJwk } = instance.keyring.signer
  const { kty, crv, x } = publicJwk
  const report = await verifyRecords(join(instance.config.data, 'records'), {
    anchors: await instance.state.anchors.list(),
    trustedKeys: [{ kty, crv, x }],
  })
  return [...report.problems]
}

async function sessionToken(running: Running): Promise<string> {
  const { body } = await running.admin('POST', '/v1/dev/tokens', { user: 'alice', ttl: 3600 })
  return (await mint(running, 'crm', String(body['token']))).token
}

/** Reads an answer to whichever end it comes. Rejects where there is none at all. */
export function read(asked: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    asked.once('error', reject)
    asked.once('response', (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('error', () => undefined)
      response.on('close', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body,
          end: response.complete ? 'whole' : 'cut',
          code: codeOf(response.headers, body),
          id: String(response.headers['sallyport-request-id']),
        }),
      )
    })
  })
}

function codeOf(headers: IncomingMessage['headers'], body: string): string | undefined {
  if (headers['content-type'] !== 'application/problem+json') return undefined
  return (JSON.parse(body) as { code: string }).code
}

type Line = Readonly<Record<string, unknown>>

function recordOf({ instance }: Pick<Running, 'instance'>): Line[] {
  return allLines(join(instance.config.data, 'records'))
}

function storiesOf(running: Running, id: string): Story[] {
  const mine = recordOf(running).filter((line) => line['request'] === id)
  return mine
    .filter(({ kind }) => kind === 'intent')
    .map((intent) => {
      const outcome = mine.find((line) => line['kind'] === 'outcome' && line['of'] === intent['n'])
      const { result, status, reason, bytesIn, bytesOut } = outcome ?? {}
      return JSON.parse(
        JSON.stringify({ class: intent['class'], result, status, reason, bytesIn, bytesOut }),
      ) as Story
    })
}
