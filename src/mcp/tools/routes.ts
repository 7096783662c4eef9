import type { FastifyInstance } from 'fastify'
import type { Server } from '../../model/index.ts'
import type { Definitions, KnownTool } from './definitions.ts'

export interface ToolRouteDeps {
  readonly servers: readonly Server[]
  readonly definitions: Definitions
}

const text = { type: 'string' } as const
const name = { type: 'string', minLength: 1, maxLength: 512 } as const
const definition = {
  type: 'object',
  required: ['digest', 'at'],
  properties: {
    digest: text,
    at: { type: 'integer' },
    title: text,
    description: text,
    text,
    by: text,
    fault: text,
  },
} as const
const tool = {
  type: 'object',
  required: ['server', 'tool', 'state'],
  properties: {
    server: text,
    tool: text,
    class: text,
    state: { enum: ['pinned', 'under_review', 'not_seen'] },
    pinned: definition,
    seen: definition,
  },
} as const

const listSchema = {
  querystring: { type: 'object', additionalProperties: false, properties: { server: name } },
  response: { 200: { type: 'object', properties: { tools: { type: 'array', items: tool } } } },
} as const
const acceptSchema = {
  params: { type: 'object', properties: { server: name, tool: name } },
  body: {
    type: 'object',
    required: ['digest'],
    additionalProperties: false,
    properties: { digest: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' } },
  },
  response: { 200: tool },
} as const

/** `/v1` for the definitions of tools. The caller has authenticated this scope of routes. */
export function mountTools(app: FastifyInstance, { servers, definitions }: ToolRouteDeps): void {
  const listed = () => [...definitions.known().map(told), ...unseen(servers, definitions)]
  app.get<{ Querystring: { server?: string } }>('/v1/tools', { schema: listSchema }, async ({ query }) => ({
    tools: listed().filter((it) => query.server === undefined || it.server === query.server),
  }))
  app.post<{ Params: { server: string; tool: string }; Body: { digest: string } }>(
    '/v1/servers/:server/tools/:tool/accept',
    { schema: acceptSchema },
    async ({ params, body }) => {
      await definitions.accept(params.server, params.tool, body.digest)
      return listed().find((it) => it.server === params.server && it.tool === params.tool)
    },
  )
}

function told({ entry, pin, underReview }: KnownTool) {
  const { server, tool: its, pinned, seen } = pin
  const state = seen === undefined ? 'not_seen' : underReview ? 'under_review' : 'pinned'
  return { server, tool: its, class: entry.class, state, pinned, seen }
}

/** What the configuration names and no server has shown yet. */
function unseen(servers: readonly Server[], definitions: Definitions) {
  const known = new Set(definitions.known().map(({ pin }) => `${pin.server} ${pin.tool}`))
  return servers.flatMap(({ name: server, tools }) =>
    tools
      .filter((it) => it.name !== '*' && !known.has(`${server} ${it.name}`))
      .map((it) => ({ server, tool: it.name, class: it.class, state: 'not_seen' })),
  )
}
