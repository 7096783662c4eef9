import { describe, expect, it } from 'vitest'
import { eventually, isAlive, startStdio } from './world.ts'

describe('a server on standard input and output, for clients of 2025-11-25', () => {
  it('has a child for each MCP session, which ends with it', async () => {
    const world = await startStdio()
    const first = await world.begin()
    const second = await world.begin()
    const [one, two] = [await first.pid(), await second.pid()]
    expect(one).not.toBe(two)
    expect(await first.pid()).toBe(one)
    expect(await first.end()).toBe(204)
    await eventually(() => !isAlive(one))
    expect((await first.call('whoami')).outcome).toBe('404 404 protocol_session_unknown')
    expect(await second.pid()).toBe(two)
  })

  it('shows lists that were filtered, and hides what is not allowed', async () => {
    const world = await startStdio({ tools: '\n  whoami: { class: read, uses: [] }' })
    const session = await world.begin()
    const { body } = await session.request('tools/list')
    expect(body['result'].tools.map(({ name }: { name: string }) => name)).toEqual(['whoami'])
    expect((await session.call('seen')).body['error'].message).toBe('Tool seen not found')
  })

  it('tells a message without a session that it needs one, and one of another person that there is none', async () => {
    const world = await startStdio()
    const session = await world.begin('alice')
    const headers = { 'content-type': 'application/json', 'mcp-protocol-version': '2025-11-25' }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
    for (const method of ['POST', 'GET', 'DELETE']) {
      const answer = await world.send('alice', { method, headers, ...(method === 'POST' ? { body } : {}) })
      expect(`${method} ${answer.status}`).toBe(`${method} 400`)
      expect(await answer.text()).toContain('protocol_session_missing')
    }
    const stolen = await world.send('bob', {
      method: 'POST',
      headers: { ...headers, 'mcp-session-id': session.id },
      body,
    })
    expect(stolen.status).toBe(404)
  })

  it('brings progress on the stream of its request, with the token that the client chose', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const { messages, headers } = await session.call('progress', { steps: 3 }, { progressToken: 'mine' })
    expect(headers.get('content-type')).toBe('text/event-stream')
    expect(messages.map(({ params, result }) => params ?? result.content[0].text)).toEqual([
      { progressToken: 'mine', progress: 1 },
      { progressToken: 'mine', progress: 2 },
      { progressToken: 'mine', progress: 3 },
      'done',
    ])
  })

  it('opens a stream for an answer that takes long', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const begun = performance.now()
    const params = { name: 'wait', arguments: { ms: 2500 } }
    const response = await world.send('alice', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'mcp-session-id': session.id },
      body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/call', params }),
    })
    expect(performance.now() - begun).toBeLessThan(2400)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(await response.text()).toContain('waited')
  })

  it('asks the client on the stream of the call, and brings its answer', async () => {
    const world = await startStdio()
    const session = await world.begin('alice', { elicitation: {} })
    const params = { name: 'elicit', arguments: { message: 'Really?' } }
    const response = await world.send('alice', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'mcp-session-id': session.id },
      body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/call', params }),
    })
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    const { value = '' } = await reader.read()
    const asked = JSON.parse(/^data: (.*)$/m.exec(value)![1]!)
    expect(asked).toMatchObject({ method: 'elicitation/create', params: { message: 'Really?' } })
    // What it did not ask is not passed on.
    expect((await session.post({ id: 'made-up', result: {} })).status).toBe(202)
    expect((await session.post({ id: asked.id, result: { action: 'accept' } })).status).toBe(202)
    expect((await reader.read()).value).toContain('{\\"action\\":\\"accept\\"}')
    const seen = await session.deed('seen')
    expect(seen.filter(({ method }: { method?: string }) => method === undefined)).toHaveLength(1)
  })

  it('keeps what belongs to no request for the stream that a client opens later', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const line = JSON.stringify({ jsonrpc: '2.0', id: 'r1', method: 'roots/list' })
    const other = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    const stream = await session.listen()
    // With two requests open nothing says to which of them it belongs.
    const waiting = session.call('wait', { ms: 800 })
    await session.deed('say', { lines: [line, other] })
    await waiting
    await eventually(() => stream.text().includes('roots/list') && stream.text().includes('list_changed'))
    stream.close()
  })

  it('cancels at the child what a client cancels, or does not wait for', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const left = new AbortController()
    const params = { name: 'wait', arguments: { ms: 20_000 } }
    const leaving = session
      .post({ id: 'left', method: 'tools/call', params }, { signal: left.signal })
      .catch(() => 'left')
    const cancelled = session.post({ id: 'cancelled', method: 'tools/call', params })
    await eventually(async () => (await session.deed('seen')).length >= 5)
    left.abort()
    expect(await leaving).toBe('left')
    await session.post({ method: 'notifications/cancelled', params: { requestId: 'cancelled' } })
    expect((await cancelled).messages).toEqual([])
    await eventually(async () => {
      const seen: Record<string, any>[] = await session.deed('seen')
      const calls = seen.filter((it) => it['params']?.name === 'wait').map(({ id }) => id)
      const ended = seen
        .filter(({ method }) => method === 'notifications/cancelled')
        .map((it) => it['params'].requestId)
      return calls.length === 2 && ended.sort().join() === calls.sort().join()
    })
    expect(world.running.instance.replica.live.size).toBeLessThan(3)
  })

  it('tells open calls that the child has ended, and the next one that there is no session', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const waiting = session.call('wait', { ms: 20_000 })
    await eventually(async () => (await session.deed('seen')).length >= 3)
    expect((await session.call('exit', { code: 3 })).outcome).toBe('502 502 server_exited')
    expect((await waiting).outcome).toContain('server_exited')
    expect((await session.call('whoami')).outcome).toBe('404 404 protocol_session_unknown')
    const next = await world.begin()
    expect(await next.pid()).toBeGreaterThan(0)
  })

  it('ends a child that nobody asks anything of, but none that somebody listens to', async () => {
    const world = await startStdio({ more: 'limits: { child_idle: 1s }' })
    const [unused, listened] = [await world.begin(), await world.begin()]
    const stream = await listened.listen()
    const [one, two] = [await unused.pid(), await listened.pid()]
    await eventually(() => !isAlive(one))
    expect((await unused.call('whoami')).outcome).toBe('404 404 protocol_session_unknown')
    expect(isAlive(two)).toBe(true)
    stream.close()
    await eventually(() => !isAlive(two))
  })

  it('has no more children than allowed, and no more of one person than a quarter', async () => {
    const world = await startStdio({ more: 'limits: { children: 8 }' })
    const [first, second] = [await world.begin('alice'), await world.begin('alice')]
    const pid = await first.pid()
    const busy = second.call('wait', { ms: 5000 })
    // One that is not in use makes way.
    const third = await world.begin('alice')
    expect(isAlive(pid)).toBe(false)
    const alsoBusy = third.call('wait', { ms: 5000 })
    // A child hears of a call after it was recorded.
    await eventually(
      () => world.record().filter((it) => it['kind'] === 'call' && it['tool'] === 'wait').length === 2,
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    const refused = await world.initialize('alice')
    expect(refused.outcome).toBe('503 503 sessions_full')
    expect(refused.headers.get('retry-after')).toBe('5')
    expect((await world.begin('bob')).id).toBeTypeOf('string')
    await Promise.all([busy, alsoBusy])
  })

  it('says that the server cannot be started', async () => {
    const world = await startStdio({ command: ['/proc/self/environ/none', 'x'] }).catch(
      (error: unknown) => error,
    )
    expect(world).toMatchObject({ code: 'config_invalid' })
    const broken = await startStdio({
      command: [import.meta.filename.replace('sessions.test.ts', 'servers/broken')],
    })
    expect((await broken.initialize()).outcome).toMatch(/^502 502 server_(not_started|exited)$/)
  })

  it('ends the child of whoever is revoked, with all that is open, and of nobody else', async () => {
    const world = await startStdio()
    const [alice, bob] = [await world.begin('alice'), await world.begin('bob')]
    const [hers, his] = [await alice.pid(), await bob.pid()]
    const stream = await alice.listen()
    const waiting = alice.call('wait', { ms: 20_000 })
    await eventually(async () => (await alice.deed('seen')).length >= 4)
    const order = { scope: { kind: 'user', id: 'alice' }, cause: 'a test', wait: 'fence' }
    const { status } = await world.running.admin('POST', '/v1/revocations', order)
    expect(status).toBe(200)
    expect((await waiting).outcome).toMatch(/\b(cut|held)$/)
    await stream.ended
    await eventually(() => !isAlive(hers))
    expect(isAlive(his)).toBe(true)
    expect(await bob.pid()).toBe(his)
    expect((await alice.call('whoami')).status).toBeGreaterThanOrEqual(400)
  })
})
