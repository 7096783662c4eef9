import { describe, expect, it } from 'vitest'
import { call, eras, json, legacy, modern } from '../mcp/messages.ts'
import { openStream, type Reached } from '../mcp/upstream.ts'
import { startWorld, type World } from '../mcp/world.ts'

/**
 * A65 a tool of class `never` by another path than its call: prompts, resources, completions, tasks, answers, and a session that was
 * begun before the tool was switched off or its person revoked. What such a message brings to the server is a token that is good for
 * no operation, so that nothing can be done with it but to answer.
 */
const ways: Readonly<Record<string, object>> = {
  'prompts/get': { name: 'wipe', arguments: { id: '1' } },
  'resources/read': { uri: 'tool://wipe' },
  'resources/subscribe': { uri: 'tool://wipe' },
  'completion/complete': { ref: { type: 'ref/tool', name: 'wipe' }, argument: { name: 'id', value: '1' } },
  'logging/setLevel': { level: 'debug' },
  'tools/list': {},
  'tools/Call': { name: 'wipe' },
  'tools/call ': { name: 'wipe' },
  'sampling/createMessage': { tools: ['wipe'] },
  'server/discover': {},
}

const operations = [
  ['GET', '/orders/1'],
  ['POST', '/orders'],
] as const

/** What the server gets from the egress with this token. */
async function tries(world: World, token: string): Promise<number[]> {
  const statuses: number[] = []
  for (const [method, path] of operations) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const body = method === 'POST' ? { body: '{}' } : {}
    const answer = await fetch(`${world.running.egress}/downstream/orders${path}`, {
      method,
      headers,
      ...body,
    })
    statuses.push(answer.status)
  }
  return statuses
}

/** A server that tries all that it can with a token before it answers. */
const trying = (world: World, got: [string, number[]][]) => (reached: Reached) => {
  void tries(world, reached.token).then((statuses) => {
    got.push([String(reached.message['method'] ?? reached.method), statuses])
    const { message, response } = reached
    if (message['id'] === undefined) response.writeHead(202).end()
    else
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id: message['id'], result: {} }))
  })
}

const noTool = '200 -32602'
const malformed = '400 -32600 message_malformed'

describe('A65 a tool of class never, by another path', () => {
  it.each(Object.entries(eras))('gets no operation for what is no call (%s)', async (_era, message) => {
    const world = await startWorld()
    const got: [string, number[]][] = []
    world.upstream.answer = trying(world, got)
    const more = ['Mcp-Param-Name', 'wipe']
    for (const [method, params] of Object.entries(ways))
      await world.ask(message(method, params as never, more))
    // What is sent without a request for it.
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    if (message === legacy) {
      await world.ask({ headers: json, body: '{"jsonrpc":"2.0","id":9,"result":{"content":[]}}' })
      await world.ask({ headers: json, body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' })
    } else {
      const body = JSON.stringify({
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { _meta: meta },
      })
      const headers = [...json, 'MCP-Protocol-Version', '2026-07-28', 'Mcp-Method', 'notifications/cancelled']
      await world.ask({ headers, body })
    }
    expect(got.length).toBeGreaterThan(5)
    for (const one of got) expect(one).toEqual([one[0], [403, 403]])
    for (const { token } of world.upstream.seen)
      for (const status of await tries(world, token)) expect([401, 403]).toContain(status)
    expect(world.api.seen).toEqual([])
    const reasons = world
      .record()
      .flatMap(({ kind, reason, call: id }) => (kind === 'denial' && id ? [reason] : []))
    expect(
      reasons.every((reason) => String(reason).startsWith('call_') || reason === 'downstream_not_granted'),
    ).toBe(true)
  })

  it('is not called without waiting for an answer, as a notification', async () => {
    const world = await startWorld()
    for (const name of ['wipe', 'read_order']) {
      const params = { name, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }
      const body = JSON.stringify({ jsonrpc: '2.0', method: 'tools/call', params })
      const mirrored = ['MCP-Protocol-Version', '2026-07-28', 'Mcp-Method', 'tools/call', 'Mcp-Name', name]
      expect((await world.ask({ headers: [...json, ...mirrored], body })).outcome).toBe(malformed)
      const bare = JSON.stringify({ jsonrpc: '2.0', method: 'tools/call', params: { name } })
      expect((await world.ask({ headers: json, body: bare })).outcome).toBe(malformed)
    }
    expect(world.upstream.methods).toEqual([])
  })

  it('is no task, and has none', async () => {
    const world = await startWorld()
    for (const message of [legacy, modern])
      expect((await world.ask(message('tools/call', { ...call('wipe'), task: { ttl: 1000 } }))).outcome).toBe(
        noTool,
      )
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel'])
      expect((await world.ask(legacy(method, { taskId: 'wipe' }))).outcome).toBe(noTool)
    expect(world.upstream.methods).toEqual([])
  })

  it('is not called in a session that was begun before it was switched off, and its open call ends', async () => {
    const world = await startWorld()
    const token = world.token('alice')
    const begun = await world.ask(legacy('initialize', { protocolVersion: '2025-11-25' }), { token })
    const session = ['Mcp-Session-Id', String(begun.headers['mcp-session-id'])]
    const read = legacy('tools/call', call('read_order', { id: '1' }), session)
    expect((await world.ask(read, { token })).status).toBe(200)
    world.upstream.answer = (reached) => void openStream(reached)
    const open = await world.open(read, { token })
    const { revocations, config } = world.running.instance
    const scope = { kind: 'tool', tenant: config.tenant, server: 'a', tool: 'read_order' } as const
    await revocations.say({ kind: 'switch', scope, on: false, cause: 'a test' }, 'a test')
    await open.ended
    expect(open.text()).toMatch(/"code":"(?:held|switched_off)"/)
    await world.upstream.seen.at(-1)!.closed
    expect(await tries(world, world.upstream.seen.at(-1)!.token)).toEqual([403, 403])
    expect((await world.ask(read, { token })).outcome).toBe('403 403 switched_off')
    expect(world.upstream.methods).toEqual(['initialize', 'tools/call', 'tools/call'])
    world.upstream.answer = (reached) => {
      reached.response.writeHead(200, { 'content-type': 'application/json' })
      reached.response.end(
        '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read_order"},{"name":"write_order"}]}}',
      )
    }
    const listed = await world.ask(legacy('tools/list', {}, session), { token })
    expect(listed.body['result'].tools).toEqual([{ name: 'write_order' }])
  })

  it('is not called in a session that was begun before its person was revoked', async () => {
    const world = await startWorld()
    const token = world.token('alice')
    const begun = await world.ask(legacy('initialize', { protocolVersion: '2025-11-25' }), { token })
    const session = ['Mcp-Session-Id', String(begun.headers['mcp-session-id'])]
    const former = world.upstream.seen.at(-1)!.token
    await world.revoke('user', 'alice')
    for (const method of ['tools/call', 'tools/list', 'prompts/get'])
      expect((await world.ask(legacy(method, call('read_order'), session), { token })).status).toBe(401)
    expect(await tries(world, former)).not.toContain(200)
    expect(world.upstream.methods).toEqual(['initialize'])
    expect(world.api.seen).toEqual([])
  })
})
