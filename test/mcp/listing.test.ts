import { describe, expect, it } from 'vitest'
import { call, eras, legacy, modern, namesIn } from './messages.ts'
import { asEvents, honest, openStream, answerTo, tools } from './upstream.ts'
import { startWorld } from './world.ts'

const ways = { JSON: honest, SSE: asEvents } as const

describe('tools/list', () => {
  it('shows each person what that person may call, in the order of the server, in every form', async () => {
    const world = await startWorld()
    for (const [era, message] of Object.entries(eras)) {
      for (const [form, answer] of Object.entries(ways)) {
        world.upstream.answer = answer
        const alice = await world.ask(message('tools/list'))
        const bob = await world.ask(message('tools/list'), { token: world.token('bob') })
        expect([era, form, alice.status, namesIn(alice.body)]).toEqual([
          era,
          form,
          200,
          ['read_order', 'write_order', 'managers'],
        ])
        expect(namesIn(bob.body)).toEqual(['read_order', 'write_order'])
        expect(alice.body['result'].tools[0]).toEqual(tools[0])
        expect(alice.body['id']).toBe(1)
      }
    }
  })

  it('lets nobody keep a list for somebody else, or for longer than a switch may take', async () => {
    const world = await startWorld()
    for (const answer of Object.values(ways)) {
      world.upstream.answer = answer
      const { result } = (await world.ask(modern('tools/list'))).body
      expect(result).toMatchObject({ resultType: 'complete', cacheScope: 'private' })
      expect(result.ttlMs).toBeLessThanOrEqual(5000)
      const legacyResult = (await world.ask(legacy('tools/list'))).body['result']
      expect(Object.keys(legacyResult)).toEqual(['tools'])
    }
    world.upstream.answer = (reached) =>
      reached.response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(answerTo(reached, { tools, resultType: 'complete', ttlMs: 100, nextCursor: 'more' }))
    expect((await world.ask(modern('tools/list', { cursor: 'x' }))).body['result']).toMatchObject({
      cacheScope: 'private',
      ttlMs: 100,
      nextCursor: 'more',
    })
  })

  it('and a call of a hidden tool answers exactly as one of a tool that does not exist', async () => {
    const world = await startWorld()
    for (const message of Object.values(eras)) {
      const ask = async (tool: string, token = world.token('bob')) => {
        const { status, headers, text } = await world.ask(message('tools/call', call(tool)), { token })
        const { date: _date, 'content-length': _length, ...rest } = headers
        return { status, rest, text: text.replaceAll(tool, 'NAME') }
      }
      const unknown = await ask('no_such')
      expect(unknown.status).toBe(200)
      expect(JSON.parse(unknown.text).error.code).toBe(-32_602)
      for (const hidden of ['wipe', 'managers', 'constructor']) expect(await ask(hidden)).toEqual(unknown)
      expect((await ask('managers', world.token('alice'))).text).toContain('did NAME')
    }
    expect(world.upstream.methods).toEqual(['tools/call', 'tools/call'])
    const reasons = world.record().flatMap(({ kind, reason }) => (kind === 'denial' ? [reason] : []))
    expect(new Set(reasons)).toEqual(new Set(['tool_unknown', 'class_never', 'not_allowed']))
  })

  it('of one server says nothing of what another one lets do', async () => {
    const world = await startWorld()
    const { body } = await world.ask(legacy('tools/list'), {
      path: '/b/mcp',
      token: world.token('alice', 'b'),
    })
    expect(namesIn(body)).toEqual(['wipe'])
    expect(world.upstream.seen[0]!.path).toBe('/at-b')
  })

  it('passes on whatever is no list as the bytes that it was', async () => {
    const world = await startWorld()
    const odd = '{"jsonrpc":"2.0",  "id":1,"result":{"big":12345678901234567890,"about":"tools"}}'
    world.upstream.answer = (reached) => openStream(reached).end(`:tools\ndata:${odd}\r\n\r\n`)
    const { text } = await world.ask(legacy('tools/call', call('read_order')))
    expect(text).toBe(`:tools\ndata:${odd}\r\n\r\n`)
  })
})
