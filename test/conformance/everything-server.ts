/**
 * An MCP server that has whatever the conformance suite asks for, on the official SDK. One endpoint, /mcp, for every
 * revision: sessions and event streams for clients before 2026-07-28, single requests from then on.
 *
 *     node test/conformance/everything-server.ts [port]
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { askingTools, rounds } from './everything/asking.ts'
import { contentTools, says, type Tool } from './everything/content.ts'
import { complete, registerPrompts, registerResources } from './everything/prompts.ts'
import {
  createMcpHandler,
  fromJsonSchema,
  isLegacyRequest,
  localhostHostValidation,
  localhostOriginValidation,
  McpServer,
  ProtocolError,
  type Server,
  toNodeHandler,
} from './everything/sdk.ts'
import { serveSessions } from './everything/sessions.ts'
import { failure, serveTasks, taskCapability, taskTools } from './everything/tasks.ts'

/** They only say that a list changed: runs of the suite at the same time have to see the same lists all along. */
const triggers: readonly Tool[] = [
  {
    name: 'test_trigger_tool_change',
    description: 'Tells subscribers that the tools changed',
    run: () => {
      modern.notify.toolsChanged()
      return says('Told.')
    },
  },
  {
    name: 'test_trigger_prompt_change',
    description: 'Tells subscribers that the prompts changed',
    run: () => {
      modern.notify.promptsChanged()
      return says('Told.')
    },
  },
]

/** Made once: from 2026-07-28 on every request gets a server of its own. */
const prepared = (tools: readonly Tool[]) =>
  tools.map(({ name, description, schema, run }) => {
    const inputSchema = fromJsonSchema(schema ?? { type: 'object', properties: {} })
    return { name, config: { description, inputSchema }, run }
  })
const older = prepared([...contentTools, ...askingTools])
const newer = [...older, ...prepared([...triggers, ...taskTools])]

function create(tools: typeof older, more: Readonly<Record<string, unknown>> = {}): Server {
  const server = new McpServer(
    { name: 'everything', version: '1.0.0' },
    {
      capabilities: { logging: {}, completions: {}, resources: { subscribe: true }, ...more },
      requestState: { verify: rounds.verify },
    },
  )
  for (const { name, config, run } of tools) server.registerTool(name, config, run)
  registerPrompts(server)
  registerResources(server)
  server.server.setRequestHandler('completion/complete', complete)
  // Nothing here changes, so nobody has to be told.
  server.server.setRequestHandler('resources/subscribe', () => ({}))
  server.server.setRequestHandler('resources/unsubscribe', () => ({}))
  return server
}

/** The SDK makes a result of whatever a tool throws, and there an error of the protocol has to stay one. */
function callTools(server: Server): void {
  server.server.setRequestHandler('tools/call', async ({ params }, context) => {
    const tool = newer.find(({ name }) => name === params.name)
    if (tool === undefined) throw new ProtocolError(-32602, `There is no tool ${params.name}.`)
    try {
      return await tool.run(params.arguments ?? {}, context)
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      return failure(error)
    }
  })
}

const sessions = serveSessions(() => create(older))
const modern = createMcpHandler(
  () => {
    const server = create(newer, taskCapability)
    callTools(server)
    serveTasks(server)
    return server
  },
  { legacy: 'reject' },
)
const handle = toNodeHandler({
  fetch: async (request) => ((await isLegacyRequest(request)) ? sessions(request) : modern.fetch(request)),
})
const hostIsLocal = localhostHostValidation()
const originIsLocal = localhostOriginValidation()

const http = createServer((request, response) => {
  if (!hostIsLocal(request, response) || !originIsLocal(request, response)) return
  if (request.url === '/mcp') void handle(request, response)
  else response.writeHead(404).end()
})
http.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp\n`)
})
