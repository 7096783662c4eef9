import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { onTestFinished, expect, it } from 'vitest'
import { z } from 'zod'
import { createSallyport } from '../../src/fetch.ts'
import { freePorts, startInstance } from '../kit/instance.ts'

/** The recipe of docs/gateway.md for servers on the TypeScript SDK, v1, with its own client: sessions, streams, one header. */
it('serves the official client and an unmodified server of the SDK, whose tools forward one header', async () => {
  const orders = createServer((req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' })
    res.end(JSON.stringify({ path: req.url, key: req.headers['x-api-key'] === 'the-key-0123456789' }))
  }).listen(0, '127.0.0.1')
  await once(orders, 'listening')
  const ordersUrl = `http://127.0.0.1:${(orders.address() as AddressInfo).port}`
  const ports = await freePorts()
  const mcp = serveMcp(ordersUrl, `http://127.0.0.1:${ports.egress}`)
  await once(mcp, 'listening')
  onTestFinished(() => {
    for (const server of [orders, mcp]) {
      server.closeAllConnections()
      server.close()
    }
  })
  const running = await startInstance({
    form: 'dev',
    ports,
    files: { key: 'the-key-0123456789' },
    config: () => `
server: http://127.0.0.1:${(mcp.address() as AddressInfo).port}/mcp
allow: [anyone]
downstreams:
  orders:
    url: ${ordersUrl}
    static: { header: X-Api-Key, value: file:key, per: all, owner: crm }
    guard: off
    operations: [{ op: "GET /orders/{id}", class: read }]
tools:
  show_order: { class: read, uses: [{ op: "orders GET /orders/{id}", bind: { path.id: id } }] }
`,
  })
  const signedIn = await running.admin('POST', '/v1/dev/tokens', { user: 'alice', ttl: 600 })
  const { token } = signedIn.body as { token: string }
  const client = new Client({ name: 'test', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL(`${running.faces.gateway!.url}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  // The SDK's own types differ under exactOptionalPropertyTypes.
  await client.connect(transport)
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['show_order'])
  const progress: number[] = []
  const result = await client.callTool({ name: 'show_order', arguments: { id: '7' } }, undefined, {
    onprogress: (step) => void progress.push(step.progress),
  })
  expect(result['content']).toEqual([{ type: 'text', text: '200 {"path":"/orders/7","key":true}' }])
  expect(progress).toEqual([1, 2])
  const other = await client.callTool({ name: 'show_order', arguments: { id: '7', read: '8' } })
  expect(JSON.stringify(other['content'])).toContain('403')
  await expect(client.callTool({ name: 'drop_orders', arguments: {} })).rejects.toThrow(/not found/)
  await transport.terminateSession()
  await client.close()
}, 20_000)

/** With a session for each client, as the SDK's examples have it. Knows nothing of sallyport but the egress. */
function serveMcp(ordersUrl: string, egress: string) {
  const sallyport = createSallyport({ egress, accept: 'subject-token' })
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  const begin = async () => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, transport),
    })
    const server = new McpServer({ name: 'orders', version: '1.0.0' })
    const input = { id: z.string(), read: z.string().optional() }
    server.registerTool('show_order', { inputSchema: input }, async ({ id, read }, extra) => {
      const header = extra.requestInfo?.headers['authorization']
      const fetchFor = sallyport.session(String(header).slice('Bearer '.length))
      const { progressToken } = extra._meta ?? {}
      for (const progress of progressToken === undefined ? [] : [1, 2]) {
        await extra.sendNotification({
          method: 'notifications/progress',
          params: { progressToken: progressToken!, progress },
        })
      }
      const answer = await fetchFor(`${ordersUrl}/orders/${read ?? id}`)
      return { content: [{ type: 'text', text: `${answer.status} ${await answer.text()}` }] }
    })
    server.registerTool('drop_orders', {}, () => ({ content: [{ type: 'text', text: 'dropped' }] }))
    await server.connect(transport)
    return transport
  }
  return createServer((req, res) => {
    const id = req.headers['mcp-session-id']
    const known = typeof id === 'string' ? sessions.get(id) : undefined
    void (async () => (known ?? (await begin())).handleRequest(req, res))()
  }).listen(0, '127.0.0.1')
}
