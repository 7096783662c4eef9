import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { createLog } from '../../src/telemetry/index.ts'
import { clock } from '../../src/wire.ts'
import { type Idp, type IdpOptions, startIdp } from '../kit/idp.ts'
import { type Running, startInstance } from '../kit/instance.ts'
import { askRaw } from '../kit/raw.ts'

export { clock }

// A test asks hundreds of times, each over a connection of its own: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 30_000 })

/** What is injected at the downstream `orders` of every scene. */
export const credential = 'orders-key-of-everybody-4b1c'

/** A downstream that notes every connection, also one over which nothing comes. */
export interface Downstream {
  readonly url: string
  readonly seen: { readonly method: string; readonly url: string; readonly rawHeaders: readonly string[] }[]
  connections: number
  /** Everything that came: targets, headers and bodies. */
  text: string
  answer: (request: IncomingMessage, response: ServerResponse) => void
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly body: Record<string, any>
  /** The stable reason code; empty where the answer has none. */
  readonly code: string
}

/** A whole instance behind real listeners, with a provider whose tokens it takes and a downstream. */
export interface Scene {
  readonly idp: Idp
  readonly downstream: Downstream
  readonly running: Running
  /** Lines of the log. */
  readonly log: string[]
  /** Exchange a subject token at the token endpoint; members given as undefined are left out, lists repeat. */
  mint(token: string, more?: Form, headers?: Record<string, string>): Promise<Answer>
  /** Ask the egress with a bearer. */
  ask(bearer: string | undefined, path?: string, more?: Asked): Promise<Answer>
  /** Both answers to a token, `<status> <code>` each: the token endpoint's and the egress's. */
  doors(token: string): Promise<string>
  /** Bytes as they stand to the egress, over one connection; what came back when it ends or is whole. */
  raw(bytes: string | Buffer): Promise<string>
  /** Sessions that stand. */
  sessions(): Promise<number>
  /** The lines of the record, as they stand in the files. */
  record(): Record<string, any>[]
}

type Form = Readonly<Record<string, string | readonly string[] | undefined>>

export interface Asked {
  readonly method?: string
  readonly body?: string
  readonly headers?: readonly string[]
}

export interface SceneOptions {
  readonly idp?: Omit<Partial<IdpOptions>, 'clock'>
  /** The login issuer, where it is another than the provider. */
  readonly issuer?: string
  /** Members of `login` besides the issuer. */
  readonly login?: string
  /** In place of the one server `crm`, indented by two. */
  readonly servers?: string
  /** Besides `orders`, indented by two. */
  readonly downstreams?: (urls: { readonly issuer: string; readonly downstream: string }) => string
  /** Further lines of the configuration. */
  readonly more?: (urls: { readonly issuer: string; readonly downstream: string }) => string
  readonly files?: Readonly<Record<string, string>>
  readonly machine?: Parameters<typeof startInstance>[0]['machine']
}

export const audience = 'https://crm.example'
export const orders = '/downstream/orders/orders/1'

const server = `
  crm:
    url: "http://127.0.0.1:3000/mcp"
    audiences: ["${audience}"]
    accept: subject-token
    allow: [anyone]
    direct: ["orders", "orders POST /orders"]`

/** Both doors refuse with this code. */
export const refused = (code: string): string => `400 ${code}, 401 ${code}`
/** Both doors open. */
export const admitted = '200, 200'

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const idp = await startIdp({ clock, algorithm: 'EdDSA', ...options.idp })
  onTestFinished(() => idp.close())
  const downstream = await startDownstream()
  const urls = { issuer: idp.issuer, downstream: downstream.url }
  const log: string[] = []
  const running = await startInstance({
    form: 'single',
    log: createLog({ level: 'debug', stream: { write: (line: string) => log.push(line) } }),
    ...(options.machine === undefined ? {} : { machine: options.machine }),
    files: { key: 'a key of thirty-two bytes or more', secret: credential, ...options.files },
    config:
      () => `login: { issuer: "${options.issuer ?? idp.issuer}", client: { id: sallyport, secret: file:secret }${options.login === undefined ? '' : `, ${options.login}`} }
key: file:key
servers:${options.servers ?? server}
downstreams:
  orders:
    url: "${downstream.url}"
    resource: https://orders.example
    static: { header: X-Api-Key, value: file:secret, per: all, owner: tests }
    operations: [{ op: "GET /orders/{id}", class: read }, { op: "POST /orders", class: write }]
${options.downstreams?.(urls) ?? ''}
${options.more?.(urls) ?? ''}
`,
  })
  const at = new URL(running.egress)
  const ask: Scene['ask'] = (bearer, path = orders, { method = 'GET', body, headers = [] } = {}) => {
    const authorization = bearer === undefined ? [] : ['Authorization', `Bearer ${bearer}`]
    return exchanged({ at, method, path, headers: [...authorization, ...headers], body: body ?? '' })
  }
  const mint: Scene['mint'] = (token, more = {}, headers) => {
    const all: Form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      ...more,
    }
    const form = new URLSearchParams(
      Object.entries(all).flatMap(([name, value]) =>
        value === undefined ? [] : [value].flat().map((one): [string, string] => [name, one]),
      ),
    )
    const caller = headers ?? { 'sallyport-capability': running.capability('crm') }
    const type = ['Content-Type', 'application/x-www-form-urlencoded']
    const lines = [...type, ...Object.entries(caller).flat()]
    return exchanged({ at, method: 'POST', path: '/oauth2/token', headers: lines, body: form.toString() })
  }
  const records = join(running.instance.config.data, 'records')
  return {
    idp,
    downstream,
    running,
    log,
    mint,
    ask,
    doors: async (token) =>
      [await mint(token), await ask(token)].map(({ status, code }) => `${status} ${code}`.trim()).join(', '),
    raw: (bytes) => askRaw(Number(at.port), bytes, 5000),
    sessions: async () => {
      const { sessions } = running.instance.state
      return (await sessions.list('default', { kind: 'tenant', tenant: 'default' }, clock.now())).length
    },
    record: () =>
      filesBelow(records)
        .filter((name) => name.endsWith('.jsonl'))
        .sort()
        .flatMap((name) => readFileSync(name, 'utf8').split('\n'))
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  }
}

/** Every file below a folder. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** A listener that nobody should ever reach: how often it was, and at which port. */
export async function startTrap(): Promise<{ readonly port: number; readonly caught: string[] }> {
  const caught: string[] = []
  const trap = createServer((request, response) => {
    caught.push(`${request.method} ${request.url}`)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"keys":[]}')
  })
  trap.on('connection', () => caught.push('connection'))
  const port = await opened(trap)
  return { port, caught }
}

async function startDownstream(): Promise<Downstream> {
  const it = createServer((incoming, response) => {
    downstream.seen.push({
      method: incoming.method!,
      url: incoming.url!,
      rawHeaders: incoming.rawHeaders,
    })
    downstream.text += [incoming.method, incoming.url, ...incoming.rawHeaders].join('\n')
    incoming.on('data', (chunk: Buffer) => (downstream.text += chunk.toString('latin1')))
    downstream.answer(incoming, response)
  })
  it.on('connection', () => (downstream.connections += 1))
  const downstream: Downstream = {
    url: `http://127.0.0.1:${await opened(it)}`,
    seen: [],
    connections: 0,
    text: '',
    answer: (incoming, response) => {
      incoming.resume().on('end', () => response.end('{"ok":true}'))
    },
  }
  return downstream
}

async function opened(it: ReturnType<typeof createServer>): Promise<number> {
  it.listen(0, '127.0.0.1')
  await once(it, 'listening')
  onTestFinished(() => {
    it.closeAllConnections()
    it.close()
  })
  return (it.address() as AddressInfo).port
}

interface Sent {
  readonly at: URL
  readonly method: string
  readonly path: string
  readonly headers: readonly string[]
  readonly body: string
}

function exchanged({ at, method, path, headers, body }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === '' ? [] : ['Content-Length', String(Buffer.byteLength(body))]
    const lines = ['Host', at.host, ...headers, ...length]
    const sent = request(
      { host: at.hostname, port: at.port, agent: false, method, path, headers: lines as never },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('error', reject)
        response.on('end', () => {
          const body = /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(text) : {}
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            body,
            code: body.code ?? '',
          })
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** What an attacker can compare between answers: everything but what differs between any two. */
export function shapeOf({ status, headers, body }: Pick<Answer, 'status' | 'headers' | 'body'>): string {
  const { request_id: _request, ...rest } = body
  const { date: _date, 'sallyport-request-id': _id, ...names } = headers
  return JSON.stringify([status, rest, names])
}
