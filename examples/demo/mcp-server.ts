/**
 * An MCP server on the official SDK. It never holds a downstream credential: its tools call the real URL of the API
 * with `sallyport/fetch`, which sends the request, with a session token of the caller, to the egress beside it.
 *
 * Started as a process of its own: `node mcp-server.ts` with MCP_PORT, ORDERS_URL, SALLYPORT_EGRESS and
 * SALLYPORT_CAPABILITY_FILE in the environment.
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createSallyport } from 'sallyport/fetch'

const orders = process.env['ORDERS_URL'] ?? ''
const sallyport = createSallyport({
  egress: process.env['SALLYPORT_EGRESS'] ?? '',
  capability: () => readFileSync(process.env['SALLYPORT_CAPABILITY_FILE'] ?? '', 'utf8').trim(),
})

type Fetch = ReturnType<typeof sallyport.session>

/** One MCP server per request, acting for whoever sent it. */
function serverFor(fetchFor: Fetch): McpServer {
  const server = new McpServer({ name: 'orders', version: '1.0.0' })
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetchFor(`${orders}${path}`, init)
    return {
      isError: !response.ok,
      content: [{ type: 'text' as const, text: `${response.status} ${await response.text()}` }],
    }
  }
  server.registerTool('list_orders', { description: 'Orders of the signed-in person' }, () => call('/orders'))
  server.registerTool('delete_order', { description: 'Tries to delete order 7' }, () =>
    call('/orders/7', { method: 'DELETE' }),
  )
  server.registerTool(
    'watch_orders',
    { description: 'Follows the orders until the stream ends' },
    async () => {
      const response = await fetchFor(`${orders}/orders/stream`)
      let events = 0
      let end = 'the stream ended'
      try {
        for await (const _chunk of response.body ?? []) events += 1
      } catch {
        end = 'the stream was cut'
      }
      return { content: [{ type: 'text' as const, text: `${end} after ${events} events` }] }
    },
  )
  return server
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) {
    response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
    return
  }
  // What a careless server would log: everything it was sent. The demo searches it for credentials afterwards.
  process.stdout.write(
    `${JSON.stringify({ method: request.method, url: request.url, headers: request.headers })}\n`,
  )
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
  await serverFor(sallyport.session(token)).connect(transport)
  await transport.handleRequest(request, response)
}

createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    if (!response.headersSent) response.writeHead(500).end()
  })
}).listen(Number(process.env['MCP_PORT']), '127.0.0.1', () => process.stdout.write('listening\n'))
