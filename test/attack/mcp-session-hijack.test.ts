import { beforeEach, describe, expect, it } from 'vitest'
import { legacy } from '../mcp/messages.ts'
import { startWorld, type World } from '../mcp/world.ts'

/**
 * A67 the id of an MCP session or of a task in the hands of somebody else: it names, and proves nothing. For everybody but the same
 * principal with the same client there is no such session or task, and no byte reaches the server.
 */
let world: World
beforeEach(async () => {
  world = await startWorld()
})

const unknown = '404 404 protocol_session_unknown'
const initialize = legacy('initialize', { protocolVersion: '2025-11-25', capabilities: {} })
const within = (id: string, method = 'ping', params = {}) => legacy(method, params, ['Mcp-Session-Id', id])

async function begin(token: string): Promise<string> {
  const { status, headers } = await world.ask(initialize, { token })
  expect(status).toBe(200)
  return String(headers['mcp-session-id'])
}

describe('A67 the MCP session of another', () => {
  it('does not exist: not for another person, another client, or at another server', async () => {
    const alice = world.token('alice')
    const id = await begin(alice)
    const before = world.upstream.seen.length
    const thieves = {
      'another person': [world.token('bob'), '/a/mcp'],
      'the same person with another client': [world.token('alice', 'a', 'other-client'), '/a/mcp'],
      'the same person at another server': [world.token('alice', 'b'), '/b/mcp'],
    } as const
    for (const [who, [token, path]] of Object.entries(thieves)) {
      const says = async (sent: Parameters<World['ask']>[0]) =>
        (await world.ask(sent, { token, path })).outcome
      for (const method of ['ping', 'tools/list', 'tools/call', 'initialize'])
        expect([who, await says(within(id, method, { name: 'read_order' }))]).toEqual([who, unknown])
      expect(
        await says({ ...within(id), body: '{"jsonrpc":"2.0","id":7,"result":{"action":"accept"}}' }),
      ).toBe(unknown)
      for (const method of ['GET', 'DELETE'])
        expect([who, await says({ method, headers: ['Mcp-Session-Id', id] })]).toEqual([who, unknown])
      const resumed = ['Mcp-Session-Id', id, 'Last-Event-ID', '1']
      expect(await says({ method: 'GET', headers: resumed })).toBe(unknown)
    }
    expect(world.upstream.seen).toHaveLength(before)
    // It is still there for whoever began it, also with a newer token.
    for (const token of [alice, world.token('alice')])
      expect((await world.ask(within(id), { token })).status).toBe(200)
  })

  it('is answered as one that never was, so nobody can look for one', async () => {
    const id = await begin(world.token('alice'))
    const ask = async (session: string) => {
      const { status, body } = await world.ask(within(session), { token: world.token('bob') })
      return [status, { ...body['error'], data: { ...body['error'].data, request_id: '' } }]
    }
    expect(await ask(id)).toEqual(await ask('never-was'))
    for (const session of [
      '',
      id.toUpperCase(),
      `${id} `.trim() + 'x',
      `a ${id}`,
      '__proto__',
      'x'.repeat(8000),
    ])
      expect((await world.ask(within(session))).outcome).toBe(unknown)
    expect(world.upstream.methods).toEqual(['initialize'])
  })

  it('is not taken over by beginning one of the same name, or by asking for it', async () => {
    const begun = await world.ask({
      ...initialize,
      headers: [...initialize.headers!, 'Mcp-Session-Id', 'chosen'],
    })
    expect(begun.outcome).toBe(unknown)
    expect((await world.ask(within('chosen'))).outcome).toBe(unknown)
    expect(world.upstream.methods).toEqual([])
  })

  it('ends by its owner only, and then for the owner too', async () => {
    const token = world.token('alice')
    const id = await begin(token)
    const ending = { method: 'DELETE', headers: ['Mcp-Session-Id', id] }
    expect((await world.ask(ending, { token: world.token('bob') })).outcome).toBe(unknown)
    expect((await world.ask(within(id), { token })).status).toBe(200)
    expect((await world.ask(ending, { token })).status).toBe(204)
    expect((await world.ask(within(id), { token })).outcome).toBe(unknown)
    expect(world.upstream.methods).toEqual(['initialize', 'ping', 'DELETE'])
  })

  it('opens nothing by itself: without a token, or with one that was cut, it is 401', async () => {
    const token = world.token('alice')
    const id = await begin(token)
    expect((await world.ask(within(id), { token: undefined })).status).toBe(401)
    await world.revoke('user', 'alice')
    expect((await world.ask(within(id), { token })).status).toBe(401)
    expect((await world.ask({ method: 'GET', headers: ['Mcp-Session-Id', id] }, { token })).status).toBe(401)
    expect(world.upstream.methods).toEqual(['initialize'])
  })
})

describe('A67 the task of another', () => {
  it('does not exist, whatever is asked of it', async () => {
    const { upstream } = world
    const task = { taskId: 'task-of-alice', status: 'working', ttl: 60_000, pollInterval: 1000 }
    upstream.answer = ({ message, response }) => {
      const result =
        message['method'] === 'tasks/list' ? { tasks: [task, { ...task, taskId: 'other' }] } : { task }
      const text = JSON.stringify({ jsonrpc: '2.0', id: message['id'], result })
      response.writeHead(200, { 'content-type': 'application/json' }).end(text)
    }
    const alice = world.token('alice')
    const begun = legacy('tools/call', { name: 'read_order', arguments: { id: '1' }, task: { ttl: 60_000 } })
    expect((await world.ask(begun, { token: alice })).body['result'].task.taskId).toBe('task-of-alice')
    const asks = ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update']
    const thieves = [world.token('bob'), world.token('alice', 'a', 'other-client')]
    for (const token of thieves)
      for (const method of asks) {
        const { body } = await world.ask(legacy(method, { taskId: 'task-of-alice' }), { token })
        expect(body['error']).toEqual({ code: -32_602, message: 'Task not found' })
        const never = await world.ask(legacy(method, { taskId: 'never-was' }), { token })
        expect(never.body['error']).toEqual(body['error'])
      }
    expect(upstream.methods).toEqual(['tools/call'])
    for (const token of thieves)
      expect((await world.ask(legacy('tasks/list'), { token })).body['result'].tasks).toEqual([])
    expect((await world.ask(legacy('tasks/list'), { token: alice })).body['result'].tasks).toEqual([task])
    expect((await world.ask(legacy('tasks/get', { taskId: 'task-of-alice' }), { token: alice })).status).toBe(
      200,
    )
  })
})
