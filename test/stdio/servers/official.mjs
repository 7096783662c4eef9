/** A server on the official SDK. Its tool forwards the token of its call to the egress, by `sallyport/fetch`. */
import { createSallyport } from '../../../src/fetch.ts'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'

const server = new McpServer({ name: 'orders', version: '1.0.0' })
const text = (value) => ({ content: [{ type: 'text', text: value }] })
const { EGRESS = 'http://127.0.0.1:9180', ORDERS = '' } = process.env
const sallyport = createSallyport({ egress: EGRESS, accept: 'subject-token' })

server.registerTool('show_order', { inputSchema: { id: z.string() } }, async ({ id }, extra) => {
  const fetchFor = sallyport.session(String(extra._meta?.['dev.sallyport/token']))
  const answer = await fetchFor(`${ORDERS}/orders/${id}`)
  return text(`${answer.status} ${await answer.text()}`)
})
server.registerTool('count', { inputSchema: { to: z.number() } }, async ({ to }, extra) => {
  for (let progress = 1; progress <= to; progress++)
    await extra.sendNotification({
      method: 'notifications/progress',
      params: { progressToken: extra._meta?.progressToken ?? 0, progress },
    })
  return text('counted')
})
server.registerTool('confirm', {}, async () => {
  const { action, content } = await server.server.elicitInput({
    message: 'Really?',
    requestedSchema: { type: 'object', properties: { sure: { type: 'boolean' } } },
  })
  return text(`${action} ${content?.['sure']}`)
})
server.registerTool('sample', {}, async () => {
  const messages = [{ role: 'user', content: { type: 'text', text: 'hi' } }]
  const { content } = await server.server.createMessage({ messages, maxTokens: 5 })
  return text(content.type === 'text' ? content.text : '')
})
server.registerTool('roots', {}, async () => text(JSON.stringify((await server.server.listRoots()).roots)))
server.registerTool('hang', {}, async (extra) => {
  await new Promise((resolve) => extra.signal.addEventListener('abort', resolve))
  process.stderr.write('the call was cancelled\n')
  return text('never told')
})
await server.connect(new StdioServerTransport())
