import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseDocument, visit } from 'yaml'
import { describeApi, type Loaded, loadBoth, printProposal } from '../../src/config/index.ts'
import { propose } from '../../src/mcp/index.ts'
import type { Json, Tool } from '../../src/model/index.ts'
import { compilePolicy, pathParameters } from '../../src/policy/index.ts'

type Listed = Readonly<Record<string, unknown>> & { readonly name: string }

function load(text: string): Promise<Loaded> {
  const readFile = async () => ({ bytes: Buffer.from(text), worldReadable: false })
  return loadBoth('proposal.yaml', { form: 'dev', env: {}, readFile })
}

function proposed(tools: readonly Listed[], document?: unknown): string {
  const api = document === undefined ? undefined : describeApi(JSON.stringify(document), 'api.json')
  const known = typeof api === 'object' ? { api } : {}
  return printProposal(propose({ server: 'http://127.0.0.1:3000/mcp', tools, nameless: 0, ...known }))
}

/** What breaks lines, comments, quotes and terminals, and what YAML and JavaScript read in their own way. */
const nasty = fc.constantFrom(
  '\n',
  '\r',
  '\r\n',
  '\u0085',
  '\u2028',
  '\u2029',
  '\u202e',
  '\u2066',
  '\ufeff',
  '\0',
  '\u001b[2J',
  '\ud800',
  ' #',
  ': ',
  '"',
  "'",
  '`',
  '- ',
  '? ',
  '| ',
  '> ',
  '{',
  '}',
  '[',
  ']',
  ',',
  '&a',
  '*a',
  '!t',
  '%YAML',
  '---',
  '...',
  '${X}',
  '$${',
  '\t',
  '\\',
  '__proto__',
  'constructor',
  '*',
  '7',
  '1e3',
  'null',
  'yes',
  '<<',
  '=',
  '~',
  'tools:\n  evil: { class: read, uses: [] }',
)
const hostile = fc
  .array(fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 6 })
  .map((parts) => parts.join(''))
const noun = fc.constantFrom('order', 'orders', 'note', 'notes', 'refund', 'token', 'user', 'members')
const verb = fc.constantFrom('get', 'list', 'create', 'add', 'update', 'delete', 'cancel', '')
const plain = fc.tuple(verb, noun).map(([one, other]) => (one === '' ? other : `${one}_${other}`))
const text = fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 300 }), plain)
const type = fc.oneof(
  fc.constantFrom<Json>('string', 'integer', 'number', 'boolean', 'object', 'array', ['string', 'null'], 7),
  text,
)
const parameter = fc.oneof(fc.constantFrom('id', 'order_id', 'orderId', 'text', 'amount', 'note'), text)
const schema = fc.oneof(
  fc.record({ type: fc.constant('object'), properties: fc.dictionary(parameter, fc.record({ type })) }),
  fc.jsonValue(),
)
const hint = fc.constantFrom<Json | undefined>(true, false, 'true', 1, null, undefined)
const tool = fc.record(
  {
    name: fc.oneof(plain, plain, text, fc.constantFrom('*', '__proto__', 'constructor', '7')),
    title: text,
    description: text,
    inputSchema: schema,
    annotations: fc.oneof(fc.record({ readOnlyHint: hint, destructiveHint: hint }), fc.jsonValue()),
  },
  { requiredKeys: ['name'] },
)

const usualNames = [
  'get_order',
  'list_orders',
  'addNote',
  'add_note',
  'create-order',
  'update_order',
  'refund',
  'cancel_order',
  'delete_order',
  'create_token',
]
/** What a server is likely to list, and a document to describe, so that there is something to guess. */
const usualTool = fc.record({
  name: fc.constantFrom(...usualNames),
  description: text,
  inputSchema: fc.record({
    properties: fc.dictionary(
      fc.constantFrom('id', 'order_id', 'text', 'amount'),
      fc.record({ type: fc.constantFrom('string', 'string', 'number') }),
    ),
  }),
  annotations: fc.constantFrom(
    { readOnlyHint: true },
    { readOnlyHint: false, destructiveHint: false },
    { destructiveHint: false },
    { destructiveHint: true },
    { readOnlyHint: true, destructiveHint: true },
    {},
  ),
})

const segment = fc.oneof(noun, noun, fc.constantFrom('{id}', '{order_id}', '{note}', '{text}'), text)
const usualPaths = [
  '/orders',
  '/orders/{id}',
  '/orders/{order_id}',
  '/orders/{id}/notes',
  '/orders/{order_id}/refunds',
  '/orders/{id}/cancel',
  '/tokens',
]
const usualPath = fc.constantFrom(...usualPaths)
const anyPath = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`)
const path = fc.oneof(usualPath, usualPath, anyPath)
const member = fc.dictionary(parameter, fc.record({ type }))
const operation = fc.record(
  {
    operationId: fc.oneof(plain, text),
    parameters: fc.array(
      fc.record({ name: parameter, in: fc.constantFrom('path', 'query'), schema: fc.record({ type }) }),
    ),
    requestBody: fc.oneof(
      fc.record({
        content: fc.record({ 'application/json': fc.record({ schema: fc.record({ properties: member }) }) }),
      }),
      fc.record({ $ref: fc.oneof(fc.constantFrom('#/paths', '#/x', '#', 'other.yaml'), text) }),
      fc.jsonValue(),
    ),
    'x-sallyport-class': fc.oneof(fc.constantFrom('read', 'never', 'critical'), text),
  },
  { requiredKeys: [] },
)
const usualItem = fc.record({
  get: fc.constant({}),
  post: fc.oneof(fc.constant({}), operation),
  put: fc.constant({ requestBody: {} }),
  delete: fc.constant({}),
})
const item = fc.oneof(
  usualItem,
  fc.record(
    { get: operation, post: operation, put: operation, delete: operation, trace: operation },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
)
const document = fc.record({
  openapi: fc.constant('3.1.0'),
  info: fc.oneof(fc.record({ title: text }), fc.jsonValue()),
  servers: fc.oneof(
    fc.array(
      fc.record({
        url: fc.oneof(
          fc.webUrl(),
          fc.constantFrom(
            'http://127.0.0.1:9180',
            'https://api.example/v1',
            '/v1',
            'http://127.0.0.1:9183/x',
          ),
          text,
        ),
      }),
    ),
    fc.jsonValue(),
  ),
  paths: fc.oneof(
    fc.dictionary(path, item),
    fc.dictionary(usualPath, usualItem, { minKeys: 3 }),
    fc.jsonValue(),
  ),
})
const anyWorld = fc.record({
  tools: fc.array(fc.oneof(tool, usualTool, usualTool), { maxLength: 6 }),
  document: fc.option(document, { nil: undefined }),
})
/** In which names fit, and parameters sometimes do. */
const usualWorld = fc
  .record({
    tools: fc.array(usualTool, { maxLength: 6 }),
    paths: fc.subarray(usualPaths, { minLength: 4 }),
    post: operation,
  })
  .map(({ tools, paths, post }) => ({
    tools,
    document: {
      openapi: '3.1.0',
      info: { title: 'Orders' },
      servers: [],
      paths: Object.fromEntries(
        paths.map((one) => [one, { get: {}, post: { requestBody: post.requestBody } }]),
      ),
    },
  }))
const world = fc.oneof(usualWorld, anyWorld)

const annotation = ({ annotations }: Listed, name: string): unknown =>
  typeof annotations === 'object' && annotations !== null
    ? (annotations as Record<string, unknown>)[name]
    : undefined

/** What a server has to have said for this much to be proposed. */
function mayBe(entry: Tool, listed: readonly Listed[], { config }: Loaded): boolean {
  const same = listed.filter(({ name }) => name === entry.name)
  const [only] = same
  if (entry.class === 'never') return entry.uses.length === 0
  if (only === undefined || same.length > 1 || entry.pin === undefined) return false
  const operations = entry.uses.map(({ downstream, operation: id }) =>
    config.downstreams.find(({ name }) => name === downstream)?.operations.find((one) => one.id === id),
  )
  if (entry.class === 'read')
    return (
      annotation(only, 'readOnlyHint') === true &&
      annotation(only, 'destructiveHint') !== true &&
      operations.every((one) => one?.class === 'read')
    )
  const bound = entry.uses.every(({ operation: id = '', bind = {}, rest, free }) => {
    const properties = (only['inputSchema'] as { properties: Record<string, unknown> }).properties
    const parts = pathParameters(id.slice(id.indexOf(' ') + 1)).map((name) => bind[`path.${name}`])
    const known = Object.values(bind).every((name) => Object.hasOwn(properties, name))
    return rest === 'refuse' && free === undefined && known && parts.every((part) => part !== undefined)
  })
  const isWrite = entry.class === 'write' && operations.length === 1 && operations[0]?.class === 'write'
  return (
    isWrite &&
    bound &&
    annotation(only, 'readOnlyHint') !== true &&
    annotation(only, 'destructiveHint') === false
  )
}

it('is a configuration that loads, allows nobody and proposes no more than was said, whatever server and document say', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(world, async ({ tools, document: api }) => {
      const yaml = proposed(tools, api)
      expect(proposed(tools as readonly Listed[], api)).toBe(yaml)
      // Nothing that breaks a line for some reader, hides, or turns the text round.
      expect(yaml).not.toMatch(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u)
      const loaded = await load(yaml).catch(async (error: unknown) => {
        // The address of a document may be one of our own faces: init writes another one then.
        const own = typeof api === 'object' && /127\.0\.0\.1:918/.test(JSON.stringify(api.servers))
        if (!own) throw error
        return load(yaml.replace(/(downstreams:\n {2}\S+:\n {4}url: )\S+/, '$1https://api.invalid'))
      })
      const [server] = loaded.config.servers
      expect(server).toMatchObject({
        name: 'main',
        url: 'http://127.0.0.1:3000/mcp',
        allow: [],
        deny: [],
        direct: [],
      })
      expect(loaded.config.servers).toHaveLength(1)
      for (const { class: risk, uses } of server!.tools) seen.add(`${risk} of ${Math.min(1, uses.length)}`)
      for (const entry of server!.tools)
        expect([entry, mayBe(entry, tools as readonly Listed[], loaded)]).toEqual([entry, true])
      const { tenant, servers, downstreams, version } = loaded.config
      const policy = compilePolicy({ tenant, servers, downstreams, version })
      for (const { name } of tools) {
        const decided = policy.call({
          principal: { kind: 'user', tenant, issuer: loaded.config.login.issuer, subject: 'alice' },
          client: 'unnamed',
          server: 'main',
          groups: [],
          groupsComplete: true,
          tool: name,
        })
        expect(decided.effect).toBe('deny')
      }
    }),
    { numRuns: 300 },
  )
  // There was something to be wrong about.
  expect([...seen].sort()).toEqual(['never of 0', 'read of 0', 'read of 1', 'write of 1'])
}, 60_000)

it('has beside what is never an entry that loads once it is put in its place', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(usualWorld, async ({ tools, document: api }) => {
      const known = describeApi(JSON.stringify(api), 'api.json')
      if (typeof known === 'string') throw new Error(known)
      const server = 'http://127.0.0.1:3000/mcp'
      const proposal = propose({ server, tools: tools, nameless: 0, api: known })
      const chosen = proposal.tools.map((entry) => ({ ...entry, ...entry.instead }))
      for (const { instead } of proposal.tools) seen.add(String(instead?.class))
      const { config } = await load(printProposal({ ...proposal, tools: chosen }))
      const inForce = config.servers[0]?.tools.map((entry) => `${entry.name} ${entry.class}`)
      expect(inForce?.sort()).toEqual(chosen.map((entry) => `${entry.name} ${entry.class}`).sort())
    }),
    { numRuns: 100 },
  )
  expect([...seen]).toEqual(expect.arrayContaining(['critical', 'write', 'undefined']))
}, 60_000)

it('has no entry, comment or key of a name or description that tries to write one', () => {
  const breakout = 'x"\n  evil: { class: read, uses: [] }\nallow: [anyone]\u2028#'
  const yaml = proposed([
    { name: breakout, description: breakout },
    { name: 'quiet', title: breakout, description: breakout, annotations: { title: breakout } },
    { name: '*', annotations: { readOnlyHint: true } },
  ])
  const parsed = parseDocument(yaml)
  const keys: unknown[] = []
  visit(parsed, { Pair: (_, { key }) => void keys.push(String(key)) })
  expect(keys).toEqual(['server', 'allow', 'tools', 'quiet', 'class', 'uses', 'pin'])
  expect(yaml.split('\n').filter((line) => line.includes('evil'))).toEqual([
    expect.stringMatching(/^ {2}# The server says: "x\\"\\n {2}evil: /),
    expect.stringMatching(/^# {3}"x\\"\\n {2}evil: /),
  ])
})
