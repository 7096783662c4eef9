import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, type Server as TcpServer, Socket } from 'node:net'
import type { Audit } from '../../src/audit/audit.ts'
import { Recorded } from '../../src/audit/recorded.ts'
import { createDial, loadUndici, createEgress, type Egress, listenerOptions } from '../../src/egress/index.ts'
import type { Exchange } from '../../src/exchange/exchange.ts'
import type { Need } from '../../src/exchange/need.ts'
import {
  type Access,
  type Barred,
  type Credential,
  type Downstream,
  epoch,
  type Gate,
  type LiveHandle,
  millis,
  type OpenCalls,
  type Operation,
  type Placement,
  type RecordEvent,
  SallyportError,
  Secret,
  type Server as McpServer,
  type Tool,
  type Work,
} from '../../src/model/index.ts'
import { compilePolicy } from '../../src/policy/index.ts'
import { createLog, createMetrics } from '../../src/telemetry/index.ts'
import type { Certificate } from '../kit/certificate.ts'
import { askRaw } from '../kit/raw.ts'

export const token = 'eyJ0eXAi.c2Vzc2lvbi10b2tlbi1vZi1hbGljZQ.c2lnbmF0dXJl'
export const canary = 'downstream-credential-canary-1f6c0a9e'

const operations: Operation[] = [
  { id: 'GET /orders/{id}', method: 'GET', path: '/orders/{id}', class: 'read' },
  { id: 'GET /files/{rest...}', method: 'GET', path: '/files/{rest...}', class: 'read' },
  { id: 'HEAD /files/{rest...}', method: 'HEAD', path: '/files/{rest...}', class: 'read' },
  { id: 'POST /orders', method: 'POST', path: '/orders', class: 'write' },
  { id: 'PUT /uploads/{id}', method: 'PUT', path: '/uploads/{id}', class: 'write' },
  { id: 'DELETE /orders/{id}', method: 'DELETE', path: '/orders/{id}', class: 'critical' },
]

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
}

export interface World {
  readonly url: string
  readonly port: number
  readonly origin: string
  readonly egress: Egress
  /** Requests that reached the downstream. */
  readonly seen: Seen[]
  readonly records: RecordEvent[]
  readonly order: string[]
  readonly gate: {
    barred: Barred | undefined
    fresh: boolean
    checks: number
    applied: number
    revs: number[]
  }
  readonly live: Map<LiveHandle, Work>
  readonly exchange: {
    secrets: string[]
    refused: Credential[]
    needs: Need[]
    placement: Placement
    origin?: string
    /** What the person was asked for, where he may be asked for more. */
    asked?: readonly string[]
    wanted: (readonly string[])[]
  }
  readonly recordFails: { now: boolean }
  /** Told of each piece of live work as it is filed, before it is dialled. */
  opened: (handle: LiveHandle) => void
  answer: (req: IncomingMessage, res: ServerResponse) => void
  ask(path: string, options?: AskOptions): Promise<Answer>
  /** Bytes as they stand, over one connection; resolves with what came back when it ends or pauses. */
  raw(text: string): Promise<string>
  close(): Promise<void>
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Record<string, string | string[]> | readonly string[]
  readonly body?: string | Buffer
  readonly token?: string | false
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
  readonly json: () => { code: string; request_id: string; [key: string]: unknown }
}

export interface WorldOptions {
  readonly basePath?: string
  readonly placement?: Placement
  readonly origins?: readonly string[]
  readonly slow?: boolean
  /** Where the downstream is said to be, instead of where it is. */
  readonly downstreamAt?: string
  /** The name by which the downstream is configured and asked for; it resolves to where the downstream is. */
  readonly named?: string
  /** What every name resolves to; loopback by default where `named` is given, and refused otherwise. */
  readonly resolving?: string
  /** The downstream speaks TLS. */
  readonly tls?: Certificate
  /** Further downstreams that the server may read from. */
  readonly more?: (origin: string) => readonly Pick<Downstream, 'name' | 'origin' | 'basePath'>[]
  /** What `CONNECT` may reach. */
  readonly connect?: readonly string[]
  readonly tunnels?: { readonly max?: number; readonly lifeMs?: number; readonly idleMs?: number }
  readonly access?: Partial<Access>
  /** The calls that are open; none by default. */
  readonly calls?: OpenCalls
  readonly tools?: readonly Tool[]
  /** Operations of the downstream besides the usual ones. */
  readonly operations?: readonly Operation[]
  /** Whether answers are searched for the credential. */
  readonly guard?: Downstream['guard']
  /** Which HTTP client speaks to the downstream; the usual one where absent. */
  readonly client?: 'http1' | 'undici'
  readonly timeouts?: { readonly headers?: number; readonly idle?: number; readonly connect?: number }
}

/** A real egress and a real downstream on loopback; the other rooms are fakes that tests can turn. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const parts = fakes(options)
  const seen: Seen[] = []
  const serve = (req: IncomingMessage, res: ServerResponse) => {
    seen.push({ method: req.method!, url: req.url!, headers: req.headers, rawHeaders: req.rawHeaders })
    parts.order.push('downstream')
    world.answer(req, res)
  }
  const { tls, named = '127.0.0.1' } = options
  const downstream =
    tls === undefined
      ? createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, serve)
      : createTlsServer({ requestTimeout: 0, ...tls }, serve)
  const at = await listen(downstream)
  const origin = options.downstreamAt ?? `${tls === undefined ? 'http' : 'https'}://${named}:${at}`
  const place: Downstream = {
    name: 'orders',
    origin,
    basePath: options.basePath ?? '',
    resource: 'https://orders.example',
    operations: [...operations, ...(options.operations ?? [])],
    ...(options.guard === undefined ? {} : { guard: options.guard }),
    credential: {
      kind: 'static',
      per: 'all',
      owner: 'tests',
      placement: parts.exchange.placement,
      value: new Secret(canary, 'test'),
    },
  }
  const downstreams = [place, ...(options.more?.(origin) ?? []).map((it) => ({ ...place, ...it }))]
  const policy = compilePolicy({
    tenant: 'acme',
    version: 'v1',
    servers: [
      {
        ...server,
        direct: [...server.direct, ...downstreams.slice(1).map(({ name }) => ({ downstream: name }))],
        ...(options.connect === undefined ? {} : { connect: options.connect }),
        tools: options.tools ?? [],
      },
    ],
    downstreams,
  })
  const slice = {
    origins: [...new Set(downstreams.map((it) => it.origin))].map((url) => ({
      url,
      ...(tls === undefined ? {} : { ca: tls.cert }),
    })),
    tunnels: options.connect ?? [],
    network: {
      allow: options.named === undefined ? [] : ['127.0.0.1/32'],
      deny: [],
    },
    connectTimeoutMs: options.timeouts?.connect ?? 2000,
    headersTimeoutMs: options.timeouts?.headers ?? 5000,
    idleTimeoutMs: options.timeouts?.idle ?? 5000,
  }
  const dial = createDial(slice, {
    ...(options.client === 'undici' ? { client: await loadUndici() } : {}),
    ...(options.named === undefined && options.resolving === undefined
      ? {}
      : {
          lookup: (_name, _options, done) =>
            done(null, [{ address: options.resolving ?? '127.0.0.1', family: 4 }]),
        }),
  })
  let made = 0
  const egress = createEgress(
    {
      hosts: ['127.0.0.1'],
      origins: options.origins ?? [],
      reads: 'handed',
      stallMs: 2000,
      idleMs: options.tunnels?.idleMs ?? 5000,
      tunnels: { max: options.tunnels?.max ?? 10, lifeMs: options.tunnels?.lifeMs ?? 60_000 },
    },
    {
      policy,
      transport: dial.transport,
      tunnel: dial.tunnel,
      clock: { monotonic: () => millis(performance.now()) },
      newRequestId: () => `r${++made}`,
      log: createLog({ level: 'silent' }),
      metrics: createMetrics({ process: false }),
      identity: {
        identify: (bearer) => {
          if (bearer !== token) throw new SallyportError('token_malformed')
          const known = { ...access, ...options.access }
          return options.slow === true ? Promise.resolve(known) : known
        },
      },
      audit: parts.audit,
      exchange: exchangeOf(parts.exchange, () => origin, options.slow === true),
      connectUrl: (_access, name) => `https://sallyport.example/connect/${name}`,
      gate: parts.gateFace,
      calls: options.calls ?? { find: () => undefined },
      live: {
        open: (work, handle) => {
          parts.live.set(handle, work)
          world.opened(handle)
          return () => parts.live.delete(handle)
        },
      },
    },
  )
  const front = createServer(listenerOptions(2000), egress.handle)
  front.on('connect', (req, socket, early) => {
    if (socket instanceof Socket) egress.connect(req, socket, early)
  })
  const port = await listen(front)
  const world: World = {
    ...parts,
    url: `http://127.0.0.1:${port}`,
    port,
    origin,
    egress,
    seen,
    opened: () => undefined,
    answer: (req, res) => {
      req.resume()
      req.on('end', () => res.end('{"ok":true}'))
    },
    ask: (path, asked = {}) => ask(port, path, asked),
    raw: (text) => askRaw(port, text, 2000),
    close: async () => {
      front.closeAllConnections()
      downstream.closeAllConnections()
      await Promise.all([stop(front), stop(downstream), dial.close()])
    },
  }
  return world
}

const server: Omit<McpServer, 'tools'> = {
  name: 'crm',
  resource: 'https://crm.example/mcp',
  audiences: [],
  extraAudiences: [],
  acceptSubjectToken: false,
  group: 'crm',
  allow: [{ kind: 'anyone' }],
  deny: [],
  direct: [
    { downstream: 'orders' },
    { downstream: 'orders', operation: 'POST /orders' },
    { downstream: 'orders', operation: 'PUT /uploads/{id}' },
  ],
}

const principal = { kind: 'user', tenant: 'acme', issuer: 'https://idp.example', subject: 'alice' } as const

const access: Access = {
  session: {
    sid: 's1',
    principal,
    client: 'inspector',
    server: 'crm',
    authTime: epoch(1000),
    groups: [],
    groupsComplete: true,
    rev: 5,
  },
  actor: undefined,
  audiences: ['https://crm.example/mcp', 'https://orders.example'],
  scopes: [],
  jti: 'j1',
  expiresAt: epoch(9_999_999_999),
  rev: 5,
}

function fakes(options: WorldOptions) {
  const records: RecordEvent[] = []
  const order: string[] = []
  const recordFails = { now: false }
  const gate = {
    barred: undefined as Barred | undefined,
    fresh: true,
    checks: 0,
    applied: 7,
    revs: [] as number[],
  }
  const exchange: World['exchange'] = {
    secrets: [canary],
    refused: [],
    needs: [],
    wanted: [],
    placement: options.placement ?? { kind: 'bearer' },
  }
  const gateFace: Gate = {
    check: (_work, rev) => {
      gate.checks += 1
      gate.revs.push(rev)
      order.push('gate')
      return gate.barred
    },
    fresh: () => gate.fresh,
    get applied() {
      return gate.applied
    },
  }
  const audit: Audit = {
    begin: (event, durability) => {
      if (recordFails.now) throw new SallyportError('record_unavailable')
      records.push({ ...event.common, ...event, details: { ...event.details, durability } })
      order.push('record')
      const recorded = Recorded.written('c', records.length, durability, 0)
      return durability === 'synced' ? Promise.resolve(recorded) : recorded
    },
    intend: (event, durability, then) => {
      if (recordFails.now) {
        then(new SallyportError('record_unavailable'))
        return
      }
      records.push({ ...event.common, ...event, details: { ...event.details, durability } })
      order.push('record')
      const recorded = Recorded.written('c', records.length, durability, 0)
      if (durability === 'synced') setImmediate(() => then(recorded))
      else then(recorded)
    },
    finish: (_recorded, outcome) => records.push({ ...outcome.common, ...outcome }),
    note: async (event) => void records.push(event),
    fingerprint: () => 'f',
    close: async () => undefined,
  }
  return { records, order, recordFails, gate, gateFace, exchange, audit, live: new Map<LiveHandle, Work>() }
}

function exchangeOf(
  state: World['exchange'],
  origin: () => string,
  slow: boolean,
): Pick<Exchange, 'acquire' | 'refused' | 'wants'> {
  return {
    acquire: (need) => {
      state.needs.push(need)
      const secret = state.secrets[Math.min(state.refused.length, state.secrets.length - 1)]!
      const credential: Credential = {
        secret: new Secret(secret, 'test'),
        placement: state.placement,
        origin: state.origin ?? origin(),
        rev: need.rev,
        connection: 'c1',
        fingerprint: `f-${secret}`,
        ...(state.asked === undefined ? {} : { asked: state.asked }),
      }
      return slow ? Promise.resolve(credential) : credential
    },
    refused: (_need, credential) => void state.refused.push(credential),
    wants: async (_need, _credential, scopes) => void state.wanted.push(scopes),
  }
}

export async function listen(it: TcpServer): Promise<number> {
  await new Promise<void>((done) => it.listen(0, '127.0.0.1', done))
  return (it.address() as AddressInfo).port
}

export function stop(it: TcpServer): Promise<void> {
  return new Promise((done) => it.close(() => done()))
}

function ask(port: number, path: string, asked: AskOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const authorization = asked.token === false ? [] : ['Authorization', `Bearer ${asked.token ?? token}`]
    const given = Array.isArray(asked.headers)
      ? (asked.headers as string[])
      : Object.entries(asked.headers ?? {}).flatMap(([name, value]) =>
          [value].flat().flatMap((it) => [name, it]),
        )
    const length = asked.body === undefined ? [] : ['Content-Length', String(Buffer.byteLength(asked.body))]
    const headers = ['Host', `127.0.0.1:${port}`, ...authorization, ...length, ...given]
    const req = request({
      port,
      host: '127.0.0.1',
      path,
      method: asked.method ?? 'GET',
      headers: headers as never,
    })
    req.on('error', reject)
    req.on('response', (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        resolve({
          status: res.statusCode!,
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          body,
          json: () => JSON.parse(body),
        })
      })
    })
    req.end(asked.body)
  })
}
