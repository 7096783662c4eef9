/** The listeners of one process: egress with the token face behind it, admin, telemetry (design §3). */
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { runFiles } from './console/index.ts'
import { isForward } from './egress/index.ts'
import { mountTokenFace } from './identity/index.ts'
import { SallyportError, Secret, seconds } from './model/index.ts'
import { mountAdmin } from './revocation/index.ts'
import { writeDurably } from './storage/index.ts'
import { createFace, hostJudge, type Listening, listen } from './http.ts'
import { clock, type Instance, random } from './wire.ts'

export interface Faces {
  readonly egress: Listening
  readonly admin: Listening
  readonly telemetry: Listening
  /** Take no new connection; what is open goes on. */
  close(): Promise<void>
}

const requestId = (): string => Buffer.from(random(12)).toString('base64url')

export async function openFaces(instance: Instance): Promise<Faces> {
  const { listen: at, data } = instance.config
  const telemetry = telemetryFace(instance)
  const egress = await egressFace(instance)
  const admin = adminFace(instance)
  const listening = {
    telemetry: await telemetry.listen('telemetry', at.telemetry),
    egress: await egress.listen('egress', at.egress),
    admin: await admin.listen('admin', at.admin),
  }
  instance.egressHosts.push(...listening.egress.hosts, new URL(instance.config.url).host)
  writeDurably(
    join(data, 'run', runFiles.endpoint),
    JSON.stringify({ url: listening.admin.url, pid: process.pid }),
  )
  return {
    ...listening,
    close: async () => {
      await Promise.all([egress.app.close(), admin.app.close(), telemetry.app.close()])
    },
  }
}

interface Face {
  readonly app: FastifyInstance
  listen(name: string, address: { host: string; port: number; socket?: string }): Promise<Listening>
}

/** A face whose names for `Host` are known once it listens. */
function face(
  instance: Instance,
  options: {
    readonly name: string
    readonly reader: 'caller' | 'operator'
    readonly first?: Parameters<typeof createFace>[0]['first']
    readonly connect?: Parameters<typeof createFace>[0]['connect']
  },
): Face {
  let judge: (host: string) => boolean = () => false
  const app = createFace(
    {
      name: options.name,
      reader: options.reader,
      namesUs: (host) => judge(host),
      ...(options.first === undefined ? {} : { first: options.first }),
      ...(options.connect === undefined ? {} : { connect: options.connect }),
    },
    { log: instance.log, requestId },
  )
  return {
    app,
    listen: async (name, address) => {
      const listening = await listen(app, name, address)
      judge = hostJudge([...listening.hosts, new URL(instance.config.url).host], listening.everyAddress)
      return listening
    },
  }
}

async function egressFace(instance: Instance): Promise<Face> {
  const { identity, egress, config } = instance
  const it = face(instance, {
    name: 'egress',
    reader: 'caller',
    first: (request, response) => {
      const mine = request.url?.startsWith('/downstream') === true || isForward(request.url)
      if (mine) egress.handle(request, response)
      return mine
    },
    connect: egress.connect,
  })
  // Metadata names the endpoints where they are: at this listener, whose port may be known only once it listens.
  let address = config.url
  await mountTokenFace(
    it.app,
    { issuer: identity.issuer, address: () => address },
    { ...identity, log: instance.log },
  )
  return {
    app: it.app,
    listen: async (name, at) => {
      const listening = await it.listen(name, at)
      if (listening.url.startsWith('http')) address = listening.url
      return listening
    },
  }
}

function adminFace(instance: Instance): Face {
  const it = face(instance, { name: 'admin', reader: 'operator' })
  const { app } = it
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
      servers: config.servers.map(({ name }) => name),
      downstreams: config.downstreams.map(({ name }) => name),
    }),
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
  return it
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

function telemetryFace(instance: Instance): Face {
  const it = face(instance, { name: 'telemetry', reader: 'operator' })
  const { app } = it
  const parts = {
    response: {
      '2xx': { type: 'object', additionalProperties: true },
      503: { type: 'object', additionalProperties: true },
    },
  }
  app.get('/livez', { schema: parts }, async () => ({ live: true }))
  app.get('/startupz', { schema: parts }, async (_request, reply) => {
    const report = instance.health.report()
    return reply.status(report.started ? 200 : 503).send(report)
  })
  app.get('/readyz', { schema: parts }, async (_request, reply) => {
    const report = instance.health.report()
    return reply.status(report.ready ? 200 : 503).send(report)
  })
  app.get('/metrics', async (_request, reply) => {
    instance.metrics.live.set(instance.replica.live.size)
    return reply.type(instance.metrics.contentType).send(await instance.metrics.text())
  })
  return it
}
