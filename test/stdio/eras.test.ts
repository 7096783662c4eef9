import { describe, expect, it } from 'vitest'
import { eventually, isAlive, startStdio } from './world.ts'

const pidOf = (told: { readonly body: Record<string, any> }): number =>
  JSON.parse(told.body['result'].content[0].text).pid

describe('a server on standard input and output, for clients of 2026-07-28', () => {
  it('has one child for a person with a client, whose requests do not take each other’s answers', async () => {
    const world = await startStdio({ words: ['modern'] })
    const ask = (person: 'alice' | 'bob', ms: number) =>
      world.modern('tools/call', { name: 'wait', arguments: { ms }, _meta: { progressToken: 1 } }, { person })
    const pids = [
      await world.modern('tools/call', { name: 'whoami', arguments: {} }),
      await world.modern('tools/call', { name: 'whoami', arguments: {} }),
      await world.modern('tools/call', { name: 'whoami', arguments: {} }, { person: 'bob' }),
    ].map(pidOf)
    expect(pids[0]).toBe(pids[1])
    expect(pids[2]).not.toBe(pids[0])
    // The same id and the same progress token, at once.
    const [slow, quick] = await Promise.all([
      ask('alice', 600),
      world.modern('tools/call', {
        name: 'progress',
        arguments: { steps: 2 },
        _meta: { progressToken: 1 },
      }),
    ])
    expect(slow.messages).toMatchObject([{ id: 1, result: { content: [{ text: 'waited' }] } }])
    expect(quick.messages).toMatchObject([
      { params: { progressToken: 1, progress: 1 } },
      { params: { progressToken: 1, progress: 2 } },
      { id: 1, result: { content: [{ text: 'done' }] } },
    ])
  })

  it('says an unknown method with the status of that version', async () => {
    const world = await startStdio({ words: ['modern'] })
    expect((await world.modern('prompts/list')).outcome).toBe('404 -32601')
    expect((await world.modern('server/discover')).body['result'].supportedVersions).toEqual(['2026-07-28'])
  })

  it('brings log messages to the request that asked for them, and to nobody else', async () => {
    const world = await startStdio({ words: ['modern'] })
    const log = { name: 'log', arguments: { data: 'hello' } }
    const quiet = await world.modern('tools/call', log)
    expect(quiet.messages).toHaveLength(1)
    const logLevel = { 'io.modelcontextprotocol/logLevel': 'info' }
    const loud = await world.modern('tools/call', { ...log, _meta: logLevel })
    expect(loud.messages).toMatchObject([{ params: { data: 'hello' } }, { id: 1 }])
  })

  it.each([
    ['says that it does not know what that is', []],
    ['ends', ['quits']],
    ['says nothing', ['silent']],
  ])('refuses, by name, to send it to a server that speaks 2025-11-25 only and %s', async (_, words) => {
    const world = await startStdio({ words, more: 'limits: { headers: 1s }' })
    const refused = await world.modern('tools/list')
    expect(refused.outcome).toBe('400 -32022')
    expect(refused.body).toMatchObject({
      id: 1,
      error: { data: { supported: ['2025-11-25', '2025-06-18'], requested: '2026-07-28' } },
    })
    // Nothing is started for the next one.
    const begun = performance.now()
    expect((await world.modern('tools/list', {}, { person: 'bob' })).outcome).toBe('400 -32022')
    expect(performance.now() - begun).toBeLessThan(900)
    // The older protocol is served as ever.
    expect(await (await world.begin()).pid()).toBeGreaterThan(0)
  })

  it('ends the child of whoever is revoked, and of a person who is gone for long', async () => {
    const world = await startStdio({ words: ['modern'], more: 'limits: { child_idle: 1s }' })
    const pid = pidOf(await world.modern('tools/call', { name: 'whoami', arguments: {} }))
    const waiting = world.modern('tools/call', { name: 'wait', arguments: { ms: 20_000 } })
    await eventually(async () => {
      const seen = await world.modern('tools/call', { name: 'seen', arguments: {} })
      return seen.outcome.includes('20000')
    })
    const order = { scope: { kind: 'user', id: 'alice' }, hold: false, cause: 'a test', wait: 'fence' }
    expect((await world.running.admin('POST', '/v1/revocations', order)).status).toBe(200)
    expect((await waiting).outcome).toContain('cut')
    await eventually(() => !isAlive(pid))
    const his = pidOf(await world.modern('tools/call', { name: 'whoami', arguments: {} }, { person: 'bob' }))
    await eventually(() => !isAlive(his))
  })
})
