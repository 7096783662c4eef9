import { describe, expect, it } from 'vitest'
import { eventually, isAlive, startStdio } from '../stdio/world.ts'

/**
 * A server on standard input and output is a process of ours that is not trusted: whatever it writes, and wherever it looks, it
 * reaches its own session at most, for as long as that lasts (design §5; docs/stdio.md).
 */
const order = { path: '/downstream/orders/orders/7' }

describe('a hostile child', () => {
  it('is never one of two people, in neither era', async () => {
    const world = await startStdio()
    const [hers, his] = [await world.begin('alice'), await world.begin('bob')]
    expect(await hers.pid()).not.toBe(await his.pid())
    const modern = await startStdio({ words: ['modern'] })
    const pids = []
    for (const person of ['alice', 'bob'] as const) {
      const { body } = await modern.modern('tools/call', { name: 'whoami', arguments: {} }, { person })
      pids.push(JSON.parse(body['result'].content[0].text).pid)
    }
    expect(pids[0]).not.toBe(pids[1])
  })

  it('gets nothing at the socket of another session: not with its own token, nor its own capability, nor by guessing', async () => {
    const world = await startStdio()
    const [alice, bob] = [await world.begin('alice'), await world.begin('bob')]
    const hers = await alice.deed('whoami')
    const socket = hers.env['SALLYPORT_EGRESS']
    // One call of hers is open, and could be meant.
    const waiting = alice
      .call('egress', { ...order, socket: '/nowhere' })
      .then(() => alice.call('wait', { ms: 4000 }))
    await eventually(async () => (await alice.deed('seen')).length >= 5)
    const at = (more: object) => bob.deed('egress', { ...order, socket, ...more })
    expect(await at({ token: 'mine', capability: false })).toBe('403 call_of_another_session')
    expect(await at({ token: 'mine' })).toBe('403 call_of_another_session')
    expect(await at({})).toBe('401 client_auth_failed')
    expect(await at({ capability: `${hers.env['SALLYPORT_CAPABILITY']}x` })).toBe('401 client_auth_failed')
    expect(await at({ capability: '' })).toBe('401 client_auth_failed')
    expect(world.api.seen).toHaveLength(0)
    const denials = world.record().filter(({ kind, rule }) => kind === 'denial' && rule === 'socket')
    expect(denials.map(({ reason }) => reason)).toEqual([
      ...Array.from({ length: 2 }, () => 'call_of_another_session'),
      ...Array.from({ length: 3 }, () => 'client_auth_failed'),
    ])
    await waiting
  })

  it('gets no call by guessing which of several is meant, and none after the end', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const { env, meta } = await session.deed('whoami')
    const ended = { ...order, token: meta['dev.sallyport/token'], capability: false }
    expect(await session.deed('egress', ended)).toBe('403 call_of_another_session')
    const waiting = session.call('wait', { ms: 1000 })
    await eventually(async () => (await session.deed('seen')).length >= 5)
    expect(await session.deed('egress', order)).toBe('403 call_not_single')
    await waiting
    // Work that goes on when nobody has asked anything.
    await session.deed('afterwards', { ...order, ms: 300, times: 3 })
    await new Promise((resolve) => setTimeout(resolve, 2000))
    expect(await session.deed('afterwards', { times: 0 })).toEqual([
      '403 call_of_another_session',
      '403 call_not_single',
      '403 call_of_another_session',
    ])
    expect(env['SALLYPORT_CAPABILITY']).toMatch(/^[\w-]{43}$/)
    expect(world.api.seen).toHaveLength(0)
  })

  it('gets the token of its call and none that a client made up', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const forged = { 'dev.sallyport/token': 'forged', 'Dev.Sallyport/TOKEN': 'forged', 'dev.sallyport/x': 1 }
    const { meta } = await session.deed('whoami', {}, { ...forged, 'example.com/kept': 1 })
    expect(Object.keys(meta).sort()).toEqual(['dev.sallyport/token', 'example.com/kept'])
    expect(meta['dev.sallyport/token']).toMatch(/^eyJ/)
    await session.request('prompts/list', { _meta: forged })
    await session.post({ method: 'notifications/progress', params: { _meta: forged, progress: 1 } })
    expect(JSON.stringify(await session.deed('seen'))).not.toContain('forged')
  })

  it('answers what it was asked, and neither another session nor what nobody asked', async () => {
    const world = await startStdio()
    const [alice, bob] = [await world.begin('alice'), await world.begin('bob')]
    const waiting = alice.call('wait', { ms: 1500 })
    // Hers is the second in her child, as his is in his.
    const answers = [0, 1, 2, 40, 41, 42].map((id) =>
      JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'forged' }] } }),
    )
    // Its own call is among them: that is its own affair.
    await bob.call('say', { lines: answers })
    expect(await bob.deed('unknown')).toBe('did')
    expect((await waiting).outcome).toBe('200 waited')
    expect(await alice.deed('progress', { steps: 1, meta: { progressToken: 1 } })).toBe('done')
  })

  it('writes junk without an effect, but not without end', async () => {
    const world = await startStdio()
    const [session, other] = [await world.begin(), await world.begin('bob')]
    const line = 'canary-of-junk {"jsonrpc":"2.0","id":1,"id":2}'
    expect(await session.deed('junk', { lines: 900, line })).toBe('said')
    expect((await session.call('junk', { lines: 5000, line })).outcome).toContain('server_failed')
    expect((await session.call('whoami')).outcome).toBe('404 404 protocol_session_unknown')
    expect(await other.pid()).toBeGreaterThan(0)
    expect(world.log.join('')).not.toContain('canary-of-junk')
    expect(world.log.filter((it) => it.includes('stdio_stray_line'))).toHaveLength(2)
    expect(await world.running.instance.metrics.text()).toMatch(
      /sallyport_stdio_stray_lines_total\{server="main"\} (9|10)\d\d/,
    )
  })

  it('fills no memory with a line that has no end, and none with an answer that is too long', async () => {
    const world = await startStdio({ more: 'limits: { result: 65536 }' })
    const [session, other] = [await world.begin(), await world.begin('bob')]
    const before = process.memoryUsage().rss
    const pid = await session.pid()
    expect((await session.call('endless', { megabytes: 100 })).outcome).toBe('502 502 server_failed')
    await eventually(() => !isAlive(pid))
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1_048_576)
    const long = JSON.stringify({
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { data: 'x'.repeat(9000) },
    })
    expect((await other.call('junk', { lines: 100, line: long })).outcome).toContain('call_result_too_large')
  })

  it('keeps nothing waiting without end by not reading', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const blocked = session.call('block', { ms: 3000 })
    const params = { data: 'x'.repeat(1_048_576) }
    const sent = Array.from({ length: 12 }, () => session.post({ method: 'notifications/x', params }))
    const outcomes = (await Promise.all(sent)).map(({ outcome }) => outcome)
    expect(outcomes).toContain('202')
    expect(outcomes.filter((it) => it === '502 502 server_failed').length).toBeGreaterThan(4)
    await blocked
  })

  it('waits with what it says while its client does not read', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const params = { level: 'info', data: 'x'.repeat(9000) }
    const line = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params })
    const call = { name: 'junk', arguments: { lines: 20_000, line } }
    const left = new AbortController()
    const before = process.memoryUsage().rss
    const answer = await world.send('alice', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'mcp-session-id': session.id },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'unread', method: 'tools/call', params: call }),
      signal: left.signal,
    })
    expect(answer.status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    // Neither over its limit nor over: it stands still.
    expect(world.record().filter(({ kind }) => kind === 'return')).toEqual([])
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1_048_576)
    left.abort()
    await eventually(() =>
      world.record().some(({ kind, result }) => kind === 'return' && result === 'aborted'),
    )
  })

  it('asks its client a bounded number of things', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const { messages } = await session.call('asks', { times: 300 })
    expect(messages.filter(({ method }) => method === 'roots/list')).toHaveLength(100)
  })

  it('has no token in our log, whatever it complains of, and not more than some of it', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const { env } = await session.deed('whoami')
    const lines = [
      'my token: TOKEN',
      `my capability: ${env['SALLYPORT_CAPABILITY']}`,
      `long ${'y'.repeat(5000)}`,
    ]
    await session.deed('stderr', {
      lines: [...lines, ...Array.from({ length: 500 }, (_, at) => `line ${at}`)],
    })
    await eventually(() => world.log.some((it) => it.includes('line 50')))
    const told = world.log.filter((it) => it.includes('"stdio_stderr"'))
    expect(told.length).toBeLessThanOrEqual(100)
    expect(told.join('')).toContain('my token: [token]')
    expect(told.join('')).toContain('my capability: [capability]')
    expect(Math.max(...told.map((it) => it.length))).toBeLessThan(1500)
  })

  it('has no secret of ours in its environment, under whatever name', async () => {
    const secret = 'canary-of-the-vault'
    const world = await startStdio({
      env: { VAULT: secret, LANG: `x ${secret}`, TZ: 'UTC', GH_TOKEN: 'canary', OTHER: 'canary' },
      more: '  other:\n    url: https://other.example\n    static: { header: X-Key, value: "${VAULT}", per: all, owner: t }\n    operations: [{ op: "GET /x", class: read }]',
    })
    const { env } = await (await world.begin()).deed('whoami')
    expect(JSON.stringify(env)).not.toContain('canary')
    expect(env).toMatchObject({ TZ: 'UTC' })
  })

  it('ends with its session, however it clings to life', async () => {
    const world = await startStdio({ words: ['stubborn'] })
    const session = await world.begin()
    const pid = await session.pid()
    const forked = Number(await session.deed('fork'))
    const begun = performance.now()
    await world.running.admin('POST', '/v1/revocations', {
      scope: { kind: 'user', id: 'alice' },
      cause: 'a test',
      wait: 'fence',
    })
    // The answer does not wait for the process: nothing of it is served any more.
    expect(performance.now() - begun).toBeLessThan(2000)
    await eventually(() => !isAlive(pid) && !isAlive(forked))
  })
})
