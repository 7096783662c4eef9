/** The listeners of one process: egress with the token face behind it, admin, telemetry (design §3). */
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { runFiles } from './console/index.ts'
import { isForward, isLoopbackHost } from './egress/index.ts'
import { mountTokenFace } from './identity/index.ts'
import { mountCatalog, mountTools } from './mcp/index.ts'
import { SallyportError, Secret, seconds } from './model/index.ts'
import { mountAdmin } from './revocation/index.ts'
import { writeDurably } from './storage/index.ts'
import { createFace, type Face, type FaceOptions, hostJudge, type Listening, listen } from './http.ts'
import { clock, type Instance, random } from './wire.ts'

export interface Faces {
  readonly egress: Listening
  /** Undefined where no server has a `url`. */
  readonly gateway: Listening | undefined
  readonly admin: Listening
  readonly telemetry: Listening
  /** Take no new connection; what is open goes on. */
  close(): Promise<void>
}

const requestId = (): string => Buffer.from(random(12)).toString('base64url')

/** @throws config_invalid for an address that cannot be had; then nothing listens */
export async function openFaces(instance: Instance): Promise<Faces> {
  const { listen: at, data } = instance.config
  const faces = {
    egress: egressFace(instance),
    gateway: gatewayFace(instance),
    telemetry: telemetryFace(instance),
    admin: adminFace(instance),
  }
  const close = async () => {
    await Promise.all(Object.values(faces).map((each) => each.close()))
  }
  try {
    // The egress first, and what answers there besides the injected requests when all of them listen.
    const egress = await faces.egress.listen(at.egress)
    instance.egressHosts.push(...egress.hosts, new URL(instance.config.url).host)
    const fronts = instance.config.servers.some((it) => (it.url ?? it.stdio) !== undefined)
    const gateway = fronts ? await faces.gateway.listen(at.gateway) : undefined
    instance.gatewayHosts.push(...(gateway?.hosts ?? []), new URL(instance.config.url).host)
    // A forwarded port is another one at the client; what keeps rebound names out is that these are none.
    if (isLoopbackHost(at.gateway.host)) instance.gatewayHosts.push('127.0.0.1', 'localhost', '[::1]')
    const telemetry = await faces.telemetry.listen(at.telemetry)
    const admin = await faces.admin.listen(at.admin)
    writeDurably(join(data, 'run', runFiles.endpoint), JSON.stringify({ url: admin.url, pid: process.pid }))
    await faces.egress.open()
    return { egress, gateway, telemetry, admin, close }
  } catch (error) {
    await close()
    throw error
  }
}

interface NamedFace extends Pick<Face, 'open' | 'close'> {
  listen(address: { host: string; port: number; socket?: string }): Promise<Listening>
}

/** A face whose names for `Host` are known once it listens. */
function face(instance: Instance, options: Omit<FaceOptions, 'namesUs'>): NamedFace {
  let judge: (host: string) => boolean = () => false
  const made = createFace({ ...options, namesUs: (host) => judge(host) }, { log: instance.log, requestId })
  return {
    ...made,
    listen: async (address) => {
      const listening = await listen(made.server, options.name, address)
      judge = hostJudge([...listening.hosts, new URL(instance.config.url).host], listening.everyAddress)
      return listening
    },
  }
}

function egressFace(instance: Instance): NamedFace {
  const { identity, egress, config } = instance
  // Metadata names the endpoints where they are: at this listener, whose port may be known only once it listens.
  let address = config.url
  const it = face(instance, {
    name: 'egress',
    reader: 'caller',
    first: (request, response) => {
      const mine = request.url?.startsWith('/downstream') === true || isForward(request.url)
      if (mine) egress.handle(request, response)
      return mine
    },
    connect: egress.connect,
    mount: (app) =>
      mountTokenFace(
        app,
        { issuer: identity.issuer, address: () => address },
        { ...identity, log: instance.log },
      ),
  })
  return {
    ...it,
    listen: async (at) => {
      const listening = await it.listen(at)
      if (listening.url.startsWith('http')) address = listening.url
      return listening
    },
  }
}

function gatewayFace(instance: Instance): NamedFace {
  const first: FaceOptions['first'] = (request, response) => {
    instance.gateway.handle(request, response)
    return true
  }
  return face(instance, { name: 'gateway', reader: 'caller', first, mount: () => undefined })
}

function adminFace(instance: Instance): NamedFace {
  return face(instance, { name: 'admin', reader: 'operator', mount: (app) => mountOperator(app, instance) })
}

function mountOperator(app: FastifyInstance, instance: Instance): void {
  const { config } = instance
  app.addHook('onRequest', async (request) => {
    const presented = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (presented === undefined || !instance.admin.matches(presented))
      throw new SallyportError('admin_auth_failed')
  })
  mountAdmin(app, {
    revocations: instance.revocations,
    state: instance.state,
    clock,
    random: requestId,
    names: () => ({
      tenant: config.tenant,
      issuer: config.login.issuer,
      workloadIssuers: config.workloads.map(({ issuer }) => issuer),
      servers: config.servers,
      downstreams: config.downstreams.map(({ name }) => name),
    }),
  })
  const { definitions, policy } = instance
  const { tenant, servers, login } = config
  mountTools(app, { servers, definitions })
  mountCatalog(app, {
    tenant,
    issuer: login.issuer,
    servers,
    policy,
    definitions,
    gate: instance.replica.gate,
  })
  mountConnect(app, instance)
  mountDevTokens(app, instance)
  app.get(
    '/v1/status',
    { schema: { response: { 200: { type: 'object', additionalProperties: true } } } },
    async () => ({
      form: config.form,
      tenant: config.tenant,
      policy: config.version,
      log: await instance.state.log.head(),
      live: instance.replica.live.size,
      vault: config.vault === undefined ? 'files' : await instance.secrets.health(),
      ...instance.health.report(),
    }),
  )
}

interface ConnectBody {
  readonly downstream: string
  readonly server?: string
  readonly user: string
  readonly issuer?: string
  readonly value: string
}

const name = { type: 'string', minLength: 1, maxLength: 512 } as const

/** An operator puts in a person's own secret (`static: { per: user }`); the person's page comes with sign-in. */
function mountConnect(app: FastifyInstance, instance: Instance): void {
  const schema = {
    body: {
      type: 'object',
      required: ['downstream', 'user', 'value'],
      additionalProperties: false,
      properties: {
        downstream: name,
        server: name,
        user: name,
        issuer: name,
        value: { type: 'string', minLength: 1, maxLength: 16_384 },
      },
    },
    response: {
      200: { type: 'object', properties: { id: { type: 'string' }, downstream: { type: 'string' } } },
    },
  } as const
  app.post<{ Body: ConnectBody }>('/v1/connections', { schema }, async ({ body }) => {
    const { config, policy, exchange, replica } = instance
    const downstream = policy.downstream(body.downstream)
    if (downstream === undefined) throw unknown('downstream')
    const connection = await exchange.connect({
      server: serverOf(instance, body.server),
      downstream,
      principal: {
        kind: 'user',
        tenant: config.tenant,
        issuer: body.issuer ?? config.login.issuer,
        subject: body.user,
      },
      value: new Secret(body.value, 'static secret of a user'),
      rev: replica.gate.applied,
    })
    return { id: connection.id, downstream: downstream.name }
  })
}

function mountDevTokens(app: FastifyInstance, instance: Instance): void {
  const { dev } = instance
  if (dev === undefined) return
  const schema = {
    body: {
      type: 'object',
      required: ['user', 'ttl'],
      additionalProperties: false,
      properties: { user: name, server: name, ttl: { type: 'integer', minimum: 1, maximum: 3600 } },
    },
    response: { 200: { type: 'object', properties: { token: { type: 'string' } } } },
  } as const
  app.post<{ Body: { user: string; server?: string; ttl: number } }>(
    '/v1/dev/tokens',
    { schema },
    async ({ body }) => {
      const server = serverOf(instance, body.server)
      const audience = server.audiences[0] ?? server.resource
      return { token: dev.issue(body.user, { audience, ttl: seconds(body.ttl) }) }
    },
  )
}

/** The server that was named, or the only one there is. */
function serverOf(instance: Instance, wanted: string | undefined) {
  const { servers } = instance.config
  const found =
    wanted === undefined
      ? servers.length === 1
        ? servers[0]
        : undefined
      : servers.find((it) => it.name === wanted)
  if (found === undefined) throw unknown('server')
  return found
}

function unknown(field: string): SallyportError {
  return new SallyportError('request_malformed', { field, remedy: `name a configured ${field}` })
}

function telemetryFace(instance: Instance): NamedFace {
  return face(instance, {
    name: 'telemetry',
    reader: 'operator',
    mount: (app) => mountTelemetry(app, instance),
  })
}

/** Without schemas: what they compile to would be the largest part of a probe's first answer. */
function mountTelemetry(app: FastifyInstance, instance: Instance): void {
  app.get('/livez', async () => ({ live: true }))
  app.get('/startupz', async (_request, reply) => {
    const report = instance.health.report()
    return reply.status(report.started ? 200 : 503).send(report)
  })
  app.get('/readyz', async (_request, reply) => {
    const report = instance.health.report()
    return reply.status(report.ready ? 200 : 503).send(report)
  })
  app.get('/metrics', async (_request, reply) => {
    instance.metrics.live.set(instance.replica.live.size)
    return reply.type(instance.metrics.contentType).send(await instance.metrics.text())
  })
}
