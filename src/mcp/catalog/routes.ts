import type { FastifyInstance } from 'fastify'
import { type Gate, type Principal, SallyportError, type Server } from '../../model/index.ts'
import type { Policy } from '../../policy/index.ts'
import type { Definitions } from '../tools/definitions.ts'
import { toolWork } from '../tool-call.ts'
import { catalogOf } from './catalog.ts'

export interface CatalogRouteDeps {
  readonly tenant: string
  /** Users are this issuer's, unless the question names another. */
  readonly issuer: string
  readonly servers: readonly Server[]
  readonly policy: Policy
  readonly definitions: Definitions
  readonly gate: Gate
}

interface Query {
  readonly server?: string
  readonly kind?: Principal['kind']
  readonly issuer?: string
  readonly subject?: string
  /** `user:<sub>` or `workload:<sub>`, in place of `kind` and `subject`. */
  readonly principal?: string
  readonly client?: string
  readonly groups?: string | readonly string[]
  readonly groups_incomplete?: 'true' | 'false'
}

const text = { type: 'string', minLength: 1, maxLength: 512 } as const
const schema = {
  querystring: {
    type: 'object',
    oneOf: [{ required: ['subject'] }, { required: ['principal'] }],
    additionalProperties: false,
    properties: {
      server: text,
      kind: { enum: ['user', 'workload'] },
      issuer: text,
      subject: text,
      principal: { ...text, pattern: '^(user|workload):.' },
      client: text,
      groups: { anyOf: [text, { type: 'array', maxItems: 1000, items: text }] },
      groups_incomplete: { enum: ['true', 'false'] },
    },
  },
  response: {
    200: {
      type: 'object',
      required: ['server', 'tools'],
      properties: {
        server: { type: 'string' },
        tools: {
          type: 'array',
          items: {
            type: 'object',
            required: ['name', 'class', 'available'],
            properties: {
              name: { type: 'string' },
              title: { type: 'string' },
              description: { type: 'string' },
              class: { type: 'string' },
              available: { type: 'boolean' },
              reason: { type: 'string' },
              sentence: { type: 'string' },
            },
          },
        },
      },
    },
  },
} as const

/** `GET /v1/catalog`: what a person would find at `/{server}/catalog`, for those who look after people. */
export function mountCatalog(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const { tenant, gate } = deps
  app.get<{ Querystring: Query }>('/v1/catalog', { schema }, async ({ query }) => {
    const server = serverOf(query.server, deps.servers)
    const { client = 'unnamed' } = query
    const principal = { ...personOf(query), tenant, issuer: query.issuer ?? deps.issuer }
    const groups = query.groups === undefined ? [] : [query.groups].flat()
    const who = {
      principal,
      client,
      server: server.name,
      groups,
      groupsComplete: query.groups_incomplete !== 'true',
    }
    // No session is meant: holds and switches count, cuts of former ones do not.
    const barred = (tool: string) =>
      gate.check(
        toolWork({ principal, client, server: server.name, sid: '' }, tool, deps.policy),
        gate.applied,
      )
    return { server: server.name, tools: catalogOf(who, server, { ...deps, barred }) }
  })
}

function personOf({ principal, kind = 'user', subject = '' }: Query): Pick<Principal, 'kind' | 'subject'> {
  if (principal === undefined) return { kind, subject }
  const colon = principal.indexOf(':')
  return { kind: principal.startsWith('user:') ? 'user' : 'workload', subject: principal.slice(colon + 1) }
}

function serverOf(wanted: string | undefined, servers: readonly Server[]): Server {
  const found =
    servers.find(({ name }) => name === wanted) ??
    (wanted === undefined && servers.length === 1 ? servers[0] : undefined)
  if (found !== undefined) return found
  throw new SallyportError('request_malformed', { field: 'server', remedy: 'name a configured server' })
}
