import { z } from 'zod'
import { caps } from './caps.ts'
import { labels, parameter, rule } from './rules.ts'
import {
  digest,
  identifier,
  insecure,
  label,
  oauthClient,
  riskClass,
  slug,
  thingName,
  toolName,
  tunnelPlace,
  url,
} from './scalars.ts'

const boundUse = z.strictObject({
  op: z
    .string()
    .describe('`orders GET /orders/{id}`: downstream, method, path template. Or downstream and operationId.'),
  bind: z
    .record(label, label)
    .optional()
    .describe(
      'Which parameter of the call fixes which part of the request: `path.id: order_id`. Parts: `path.NAME`, `query.NAME`, `body.NAME`, `body/…` by JSON Pointer. Parameters: by name, or by JSON Pointer with a leading `/`. Path parameters of a write are bound to parameters of their own names unless they are named here or under `free`.',
    ),
  free: z.array(label).optional().describe('Parts of the request that the server may choose.'),
  rest: z
    .enum(['refuse'])
    .optional()
    .describe(
      'Refuse every parameter of the query and every member of the body that is neither bound nor free. Implied where the operation is `critical`.',
    ),
  times: z.int().min(1).max(1000).optional().describe('How many requests a call may make by this use.'),
  unbound: z.boolean().optional().meta({
    description: 'Imply nothing by the class of the operation: only what `bind` says is held to the call.',
    default: false,
  }),
})

const use = z.union([z.string(), boundUse])

const tool = z.strictObject({
  class: riskClass.describe('The highest class that its operations may have.'),
  uses: z
    .array(use)
    .describe(
      'Operations: `"orders GET /orders/{id}"`, or `orders` for every operation that the class permits.',
    ),
  labels: labels.describe('Words that rules and switches name it by, such as `pii` or `billing`.'),
  allow: z.array(rule).optional().describe('Whom of those that the server allows. Default: all of them.'),
  deny: z.array(rule).optional().describe('Who may not, or not with such parameters; wins over `allow`.'),
  record: z
    .array(parameter)
    .optional()
    .describe('Parameters that stand in the record of a call, besides those that `bind` names.'),
  redact: z
    .array(parameter)
    .optional()
    .describe('Parameters that do not stand in the record, though they are bound.'),
  confirm: label
    .optional()
    .describe('Ask the person before each call. Loaded; this version refuses the tool.'),
  approve: z
    .strictObject({
      by: label.describe('The group that approves.'),
      people: z.int().min(1).max(10).optional().meta({ description: 'How many of them.', default: 1 }),
    })
    .optional()
    .describe('Ask others before each call. Loaded; this version refuses the tool.'),
  pin: digest
    .optional()
    .describe(
      'The digest of the definition that the tool is held to, as `sallyport tools list` prints it. Default: the first one that is seen.',
    ),
  summary: label.optional().describe('How people read a call. Loaded only.'),
  owner: label.optional().describe('Who answers for the tool. Loaded only.'),
})

const rules = {
  allow: z
    .array(rule)
    .optional()
    .describe(
      'Who may work at this server: `"group:…"`, `"user:…"`, `"client:…"`, `"workload:…"`, `anyone`, or several conditions together: `{ group: crm, class: [read, write] }`. Nobody by default.',
    ),
  deny: z.array(rule).optional().describe('Who may not; wins over `allow`.'),
  tools: z
    .record(toolName, tool)
    .optional()
    .describe('Tools by name: their class and the operations they use.'),
  direct: z
    .array(z.string())
    .optional()
    .describe(
      'What a session token may do without a tool call: `orders` for its reads, `"orders POST /orders"` for one read or write. Nothing by default, never `critical`.',
    ),
  connect: z
    .array(tunnelPlace)
    .optional()
    .describe(
      'What `CONNECT` reaches, as `host:port`: TLS to that host, without any credential. Nothing by default, never a downstream.',
    ),
  anonymous: slug
    .optional()
    .describe(
      'Whom clients without a token stand for, for tests: a user of this name. Only where the gateway listens on loopback.',
    ),
  mode: z.enum(['enforce', 'observe']).optional().meta({
    description:
      '`observe` lets reads pass that would be refused, tools without an entry among them, and records what would have refused them. Writes are held to the rules.',
    default: 'enforce',
  }),
  accept: z
    .enum(['subject-token'])
    .optional()
    .describe(
      'Let the server pass on the subject token that it received; the egress verifies and exchanges it.',
    ),
}

export const server = z.strictObject({
  url: url.optional().describe('Where the gateway reaches it. Without it the server has no gateway.'),
  insecure,
  resource: identifier
    .optional()
    .describe(
      'Its identifier (RFC 8707, RFC 9728). Default: `{url}/mcp` for one server, `{url}/{name}/mcp` for several.',
    ),
  audiences: z
    .array(identifier)
    .min(1)
    .optional()
    .describe('What `aud` of a subject token may be. Default: `login.audiences`, else the resource.'),
  extra_audiences: z
    .union([z.enum(['refuse']), z.array(identifier)])
    .optional()
    .meta({
      description: 'Further audiences that a subject token may name, such as `[account]` at Keycloak.',
      default: 'refuse',
    }),
  ...rules,
  caps: caps.optional().describe('How many tool calls may be made at this server, besides the `caps` above.'),
  environment: slug.optional().describe('Default: the `environment` above.'),
  vault_group: thingName
    .optional()
    .describe('Servers of one vault group may share connections. Default: the name of the server.'),
  client: oauthClient
    .omit({ key: true })
    .optional()
    .describe('Client authentication at the token endpoint, besides the capability file.'),
})

/** The short form for one server: its members at the top of the file. */
export const oneServer = {
  server: url
    .optional()
    .describe('The one MCP server, named `main`, as the gateway reaches it; `servers` for several.'),
  ...rules,
}
