/** What operators and the command line ask of a process: `/v1`, behind the admin capability. */
import type { FastifyInstance } from 'fastify'
import { mountCatalog, mountTools } from './mcp/index.ts'
import { SallyportError, Secret, seconds } from './model/index.ts'
import { mountAdmin } from './revocation/index.ts'
import { clock, type Instance } from './wire.ts'

export interface AdminFaceDeps {
  readonly requestId: () => string
}

export function mountOperator(app: FastifyInstance, instance: Instance, { requestId }: AdminFaceDeps): void {
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
      operator: true,
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
