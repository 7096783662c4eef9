import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { expect, it } from 'vitest'
import { freePorts } from '../kit/instance.ts'
import { eventually, startStdio, type StdioWorld } from './world.ts'

const official = join(import.meta.dirname, 'servers/official.mjs')

/** The official client, with what its person answers. */
async function connect(world: StdioWorld) {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { capabilities: { elicitation: {}, sampling: {}, roots: {} } },
  )
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: 'accept' as const,
    content: { sure: true },
  }))
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'none',
    role: 'assistant' as const,
    content: { type: 'text' as const, text: 'hello' },
  }))
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///here' }] }))
  const headers = { authorization: `Bearer ${world.token('alice')}` }
  const transport = new StreamableHTTPClientTransport(new URL(world.endpoint), { requestInit: { headers } })
  await client.connect(transport)
  return { client, transport }
}

const textOf = (result: object): string => (result as { content: { text: string }[] }).content[0]!.text

it('serves the official client and a server on the official SDK, whose tools ask its person', async () => {
  const ports = await freePorts()
  const world = await startStdio({
    ports,
    command: [process.execPath, official],
    env: { EGRESS: `http://127.0.0.1:${ports.egress}`, ORDERS: '{api}' },
    named: ['EGRESS', 'ORDERS'],
    tools: `
  "*": { class: read, uses: [] }
  show_order: { class: read, uses: [{ op: "orders GET /orders/{id}", bind: { path.id: id } }] }`,
  })
  const { client, transport } = await connect(world)
  const names = (await client.listTools()).tools.map(({ name }) => name)
  expect(names.sort()).toEqual(['confirm', 'count', 'hang', 'roots', 'sample', 'show_order'])

  const order = await client.callTool({ name: 'show_order', arguments: { id: '7' } })
  expect(textOf(order)).toBe('200 {"ok":true}')
  expect(world.api.seen.map(({ path }) => path)).toEqual(['/orders/7'])

  const steps: number[] = []
  const onprogress = ({ progress }: { progress: number }) => void steps.push(progress)
  const counted = await client.callTool({ name: 'count', arguments: { to: 3 } }, undefined, { onprogress })
  expect(textOf(counted)).toBe('counted')
  expect(steps).toEqual([1, 2, 3])

  expect(textOf(await client.callTool({ name: 'confirm' }))).toBe('accept true')
  expect(textOf(await client.callTool({ name: 'sample' }))).toBe('hello')
  expect(textOf(await client.callTool({ name: 'roots' }))).toBe('[{"uri":"file:///here"}]')

  const stop = new AbortController()
  const hanging = client.callTool({ name: 'hang' }, undefined, { signal: stop.signal })
  setTimeout(() => stop.abort(), 300)
  await expect(hanging).rejects.toThrow(/abort/i)
  await eventually(() => world.log.some((line) => line.includes('the call was cancelled')))

  await transport.terminateSession()
  await eventually(() => world.log.some((line) => line.includes('stdio_child_gone')))
  await client.close()
})
