import { describe, expect, it } from 'vitest'
import type { Access } from '../../src/model/index.ts'
import { createMcpSessions } from '../../src/mcp/sessions.ts'
import { createTasks } from '../../src/mcp/tasks.ts'
import { call, legacy, modern } from '../mcp/messages.ts'
import { honest, openStream } from '../mcp/upstream.ts'
import { type Open, startWorld, type World } from '../mcp/world.ts'

/**
 * A71 one principal that takes all there is: streams without number, readers that do not read, senders that do not send, sessions and
 * tasks by the thousand. What is his ends at his limit; others are served as before, and nothing is held longer than it may.
 */
const full = '429 429 streams_full'
const listening = { method: 'GET', headers: ['Accept', 'text/event-stream'] }
const read = legacy('tools/call', call('read_order', { id: '1' }))

const opened = (world: World, count: number, token: string): Promise<Open[]> =>
  Promise.all(Array.from({ length: count }, () => world.open(listening, { token })))

describe('A71 streams without number', () => {
  it('end at the limit of the one who opens them; others go on, and what he closes is his again', async () => {
    const world = await startWorld({ more: 'limits: { streams: 5 }' })
    const [alice, bob] = [world.token('alice'), world.token('bob')]
    const open = await opened(world, 5, alice)
    expect(open.map(({ status }) => status)).toEqual(Array(5).fill(200))
    const seen = world.upstream.seen.length
    for (const message of [
      listening,
      read,
      legacy('ping'),
      modern('subscriptions/listen'),
      legacy('tools/list'),
    ]) {
      const answer = await world.ask(message, { token: alice })
      expect(answer.outcome).toBe(full)
      expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
    }
    // Another token, client or server makes him nobody else.
    expect((await world.ask(read, { token: world.token('alice', 'a', 'other-client') })).outcome).toBe(full)
    expect((await world.ask(read, { token: world.token('alice', 'b'), path: '/b/mcp' })).outcome).toBe(full)
    expect(world.upstream.seen).toHaveLength(seen)
    expect((await world.ask(read, { token: bob })).status).toBe(200)
    open[0]!.request.destroy()
    await expect.poll(async () => (await world.ask(read, { token: alice })).status).toBe(200)
    for (const { request } of open) request.destroy()
    await Promise.all(world.upstream.seen.map(({ closed }) => closed))
    expect((await opened(world, 5, alice)).map(({ status }) => status)).toEqual(Array(5).fill(200))
  })

  it('are a hundred without a word in the configuration, and leave everybody else quick', async () => {
    const world = await startWorld()
    const open = await opened(world, 300, world.token('alice'))
    expect(open.filter(({ status }) => status === 200)).toHaveLength(100)
    expect(open.filter(({ status }) => status === 429)).toHaveLength(200)
    expect(world.upstream.seen).toHaveLength(100)
    const bob = world.token('bob')
    for (let times = 0; times < 20; times += 1)
      expect((await world.ask(read, { token: bob })).status).toBe(200)
  })

  it('are counted where there is nothing yet but half a message, and not where a refused one is over', async () => {
    const world = await startWorld({ more: 'limits: { streams: 2, headers: 2s }' })
    const token = world.token('alice')
    const half = `POST /a/mcp HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`
    const lines = [await world.line(), await world.line()]
    for (const line of lines) line.send(half)
    await expect.poll(async () => (await world.ask(legacy('ping'), { token })).outcome).toBe(full)
    for (const line of lines) expect((await line.answered('POST')).messages[0]?.start).toMatch(/ 408 /)
    for (let times = 0; times < 10; times += 1) {
      expect((await world.ask(legacy('tools/call', call('wipe')), { token })).outcome).toBe('200 -32602')
      expect((await world.ask({ method: 'POST', body: '{}' }, { token })).status).toBe(415)
    }
    expect((await world.ask(read, { token })).status).toBe(200)
    // Whoever has no good token takes nothing from anybody.
    for (let times = 0; times < 10; times += 1)
      expect((await world.ask(read, { token: `${token}x` })).status).toBe(401)
    expect((await world.ask(read, { token })).status).toBe(200)
  })
})

describe('A71 a reader that does not read', () => {
  it.each(['a stream', 'one long answer', 'one long list'])(
    'is let go of after its time, with what was kept for it: %s',
    async (what) => {
      const world = await startWorld({
        more: 'limits: { idle: 1s, streams: 3, message: 67108864, result: 67108864 }',
      })
      const token = world.token('alice')
      // More than sockets keep by themselves.
      const text = 'x'.repeat(24_000_000)
      world.upstream.answer = (reached) => {
        const { message, response } = reached
        const result =
          what === 'one long list' ? { tools: [{ name: 'read_order', text }] } : { content: [text] }
        const body = JSON.stringify({ jsonrpc: '2.0', id: message['id'], result })
        if (what === 'a stream') openStream(reached).write(`data: ${body}\n\n`)
        else response.writeHead(200, { 'content-type': 'application/json' }).end(body)
      }
      const message = (id: string) =>
        what === 'one long list' ? legacy('tools/list') : legacy('tools/call', call('read_order', { id }))
      const { headers = [] } = message('1')
      const head = headers.map((it, index) => it + (index % 2 === 0 ? ': ' : '\r\n')).join('')
      const lines = await Promise.all(Array.from({ length: 3 }, () => world.line()))
      for (const [index, line] of lines.entries()) {
        const { body = '' } = message(`${index}`)
        line.socket.pause()
        line.send(
          `POST /a/mcp HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${token}\r\n${head}Content-Length: ${body.length}\r\n\r\n${body.toString()}`,
        )
      }
      await expect.poll(() => world.upstream.seen.length, { timeout: 20_000 }).toBe(3)
      await Promise.all(world.upstream.seen.map(({ closed }) => closed))
      world.upstream.answer = honest
      // While they hang, he has no place left; others do.
      expect((await world.ask(read, { token: world.token('bob') })).status).toBe(200)
      await expect.poll(async () => (await world.ask(read, { token })).status, { timeout: 10_000 }).toBe(200)
    },
  )
})

describe('A71 sessions and tasks by the thousand', () => {
  const accessOf = (subject: string): Access =>
    ({
      session: {
        client: 'chat',
        principal: { kind: 'user', tenant: 't', issuer: 'https://idp.example', subject },
      },
    }) as unknown as Access
  const [alice, mallory] = [accessOf('alice'), accessOf('mallory')]

  it('push out their owner’s own, and nobody else’s', () => {
    const sessions = createMcpSessions()
    sessions.begin('of-alice', 'a', alice, false)
    for (let index = 0; index < 20_000; index += 50) sessions.begin(`${index}`, 'a', mallory, false)
    const small = createMcpSessions({ all: 100, own: 10 })
    small.begin('of-alice', 'a', alice, false)
    for (let index = 0; index < 1000; index += 1) small.begin(`${index}`, 'a', mallory, false)
    for (const it of [sessions, small]) expect(() => it.check('of-alice', 'a', alice)).not.toThrow()
    expect(() => small.check('999', 'a', mallory)).not.toThrow()
    expect(() => small.check('1', 'a', mallory)).toThrow()
    // Of many people the oldest makes way.
    for (let index = 0; index < 200; index += 1) small.begin('s', `${index}`, accessOf(`p${index}`), false)
    expect(() => small.check('of-alice', 'a', alice)).toThrow()
  })

  it('end no task of anybody else', () => {
    const tasks = createTasks()
    const ended: string[] = []
    const task = (name: string) => ({ tool: 't', close: () => void ended.push(name) })
    tasks.begin('of-alice', 'a', alice, task('alice'))
    for (let index = 0; index < 1100; index += 1) tasks.begin(`${index}`, 'a', mallory, task(`${index}`))
    expect(tasks.find('of-alice', 'a', alice)).toBeDefined()
    expect(ended).toEqual(Array.from({ length: 100 }, (_, index) => `${index}`))
    expect(tasks.find('0', 'a', mallory)).toBeUndefined()
    expect(tasks.find('1099', 'a', mallory)).toBeDefined()
  })
})
