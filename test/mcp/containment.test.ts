/** Calls that use up too much are refused before a credential is touched and before the server hears of them. */
import { describe, expect, it } from 'vitest'
import { call, eras, legacy } from './messages.ts'
import { answerTo, asEvents, honest, openStream, type Reached } from './upstream.ts'
import { type Sent, startWorld, type World } from './world.ts'

/** A call whose parameters are like those of no other. */
let number = 0
const another = (tool = 'read_order'): Sent => legacy('tools/call', call(tool, { number: number++ }))

const callsIn = (world: World): number =>
  world.upstream.methods.filter((method) => method === 'tools/call').length

async function outcomeOf(world: World, sent = another(), token = world.token('alice')): Promise<string> {
  return (await world.ask(sent, { token })).outcome
}

/** From now on calls wait at the server until they are answered. */
function holdCalls(world: World): { readonly answerAll: () => void } {
  const waiting: Reached[] = []
  world.upstream.answer = (reached) => {
    if (reached.message['method'] === 'tools/call') waiting.push(reached)
    else honest(reached)
  }
  return {
    answerAll: () => {
      world.upstream.answer = honest
      for (const reached of waiting.splice(0)) honest(reached)
    },
  }
}

describe('a rate', () => {
  it.each(['legacy', 'modern'] as const)(
    'that is used up is told with when to come again: %s',
    async (era) => {
      const world = await startWorld({ more: 'caps: [{ per: [principal, tool], calls: 2/1m }]' })
      const one = (tool: string) => eras[era]('tools/call', call(tool, { number: number++ }))
      expect(await outcomeOf(world, one('read_order'))).toBe('200')
      expect(await outcomeOf(world, one('read_order'))).toBe('200')
      const refused = await world.ask(one('read_order'))
      expect(refused.outcome).toBe('429 429 call_rate_exceeded')
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(30)
      expect(Number(refused.headers['retry-after'])).toBeLessThan(63)
      expect(refused.body['id']).toBe(1)
      expect(callsIn(world)).toBe(2)
      // Others are others, and what is no call is not counted.
      expect(await outcomeOf(world, one('write_order'))).toBe('200')
      expect(await outcomeOf(world, one('read_order'), world.token('bob'))).toBe('200')
      expect(await outcomeOf(world, eras[era]('tools/list'))).toBe('200')
    },
  )

  it('of a server holds there alone', async () => {
    const world = await startWorld({
      servers: `
  a: { url: "{upstream}/a", allow: [anyone], tools: { t: { class: read, uses: [orders] } }, caps: [{ per: server, daily: 1 }] }
  b: { url: "{upstream}/b", allow: [anyone], tools: { t: { class: read, uses: [orders] } } }`,
    })
    const atB = { path: '/b/mcp', token: world.token('alice', 'b') }
    expect(await outcomeOf(world, another('t'))).toBe('200')
    expect(await outcomeOf(world, another('t'), world.token('bob'))).toBe('429 429 call_daily_exceeded')
    expect((await world.ask(another('t'), atB)).outcome).toBe('200')
    expect((await world.ask(another('t'), atB)).outcome).toBe('200')
  })

  it('is recorded with reason and rule, and counted', async () => {
    const world = await startWorld({ more: 'caps: [{ per: principal, daily: 1 }]' })
    await outcomeOf(world)
    await outcomeOf(world)
    const denials = () => world.record().filter(({ kind }) => kind === 'denial')
    await expect
      .poll(denials)
      .toMatchObject([
        { tool: 'read_order', reason: 'call_daily_exceeded', rule: 'caps[0].daily', decision: 'deny' },
      ])
    const metrics = await (await fetch(`${world.running.telemetry}/metrics`)).text()
    expect(metrics).toContain('sallyport_calls_refused_total{reason="call_daily_exceeded"} 1')
  })
})

describe('effects', () => {
  it('are counted for the session, and reading goes on', async () => {
    const world = await startWorld({ more: 'caps: [{ per: session, effects: 1 }]' })
    const token = world.token('alice')
    expect(await outcomeOf(world, another('write_order'), token)).toBe('200')
    const refused = await world.ask(another('write_order'), { token })
    expect(refused.outcome).toBe('429 429 call_effects_exceeded')
    expect(refused.headers['retry-after']).toBeUndefined()
    expect(await outcomeOf(world, another(), token)).toBe('200')
  })
})

describe('loops', () => {
  const more = 'loops: { same: 2, within: 1s }'

  it('are refused until their window has passed, whatever the order of the parameters', async () => {
    const world = await startWorld({ more })
    const token = world.token('alice')
    const one = legacy('tools/call', call('read_order', { a: 1, b: [2] }))
    const turned = legacy('tools/call', call('read_order', { b: [2], a: 1 }))
    expect(await outcomeOf(world, one, token)).toBe('200')
    expect(await outcomeOf(world, turned, token)).toBe('200')
    expect(await outcomeOf(world, one, token)).toBe('429 429 call_repeated')
    expect(await outcomeOf(world, another(), token)).toBe('200')
    await expect.poll(() => outcomeOf(world, one, token), { timeout: 10_000, interval: 100 }).toBe('200')
  })

  it('are looked for where nothing is said, and not where that is said', async () => {
    const same = legacy('tools/call', call('read_order'))
    for (const [config, last] of [
      ['', '429 429 call_repeated'],
      ['loops: off', '200'],
    ] as const) {
      const world = await startWorld({ more: config })
      const token = world.token('alice')
      for (let count = 0; count < 20; count++) expect(await outcomeOf(world, same, token)).toBe('200')
      expect(await outcomeOf(world, same, token)).toBe(last)
    }
  })
})

describe('open calls', () => {
  const more = 'caps: [{ per: principal, concurrent: 1 }]\nlimits: { call: 2s }'
  const full = '429 429 call_concurrent_exceeded'

  it('give their place back with their answer', async () => {
    const world = await startWorld({ more })
    const { answerAll } = holdCalls(world)
    const came = world.upstream.next()
    const first = world.ask(another())
    await came
    const refused = await world.ask(another())
    expect(refused.outcome).toBe(full)
    expect(refused.headers['retry-after']).toBe('1')
    expect(await outcomeOf(world, legacy('tools/list'))).toBe('200')
    answerAll()
    expect((await first).outcome).toBe('200')
    expect(await outcomeOf(world)).toBe('200')
  })

  it('give their place back when nothing of them could be sent on', async () => {
    const world = await startWorld({
      more,
      servers: `
  a: { url: "http://127.0.0.1:1/mcp", allow: [anyone], tools: { t: { class: read, uses: [orders] } } }`,
    })
    for (let count = 0; count < 3; count++)
      expect(await outcomeOf(world, another('t'))).toBe('502 502 server_failed')
  })

  it.each<readonly [string, (first: Reached) => unknown]>([
    ['the server breaks off', ({ response }) => response.destroy()],
    ['a stream breaks off', (first) => openStream(first).write(': x\n\n', () => first.response.destroy())],
    ['the answer is none', ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end()],
    ['the longest time of a call is over', () => undefined],
  ])('give their place back when %s', async (_name, end) => {
    const world = await startWorld({ more })
    holdCalls(world)
    const came = world.upstream.next()
    const first = world.ask(another()).catch(() => undefined)
    const reached = await came
    expect(await outcomeOf(world)).toBe(full)
    await end(reached)
    await first
    world.upstream.answer = honest
    await expect.poll(() => outcomeOf(world), { timeout: 10_000 }).toBe('200')
  })

  it.each(['before the answer', 'in the middle of it'] as const)(
    'give their place back when their client leaves %s',
    async (when) => {
      const world = await startWorld({ more })
      if (when === 'before the answer') holdCalls(world)
      else world.upstream.answer = (reached) => void openStream(reached).write(': hello\n\n')
      const body = another().body as string
      const line = await world.line()
      const came = world.upstream.next()
      line.send(
        `POST /a/mcp HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${world.token('alice')}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      await came
      expect(await outcomeOf(world)).toBe(full)
      line.socket.destroy()
      world.upstream.answer = honest
      await expect.poll(() => outcomeOf(world)).toBe('200')
    },
  )

  it('keep their place while the task goes on that they became', async () => {
    const world = await startWorld({ more: 'caps: [{ per: principal, concurrent: 1 }]' })
    const task = (status: string) => ({ task: { taskId: 'task-1', status, ttl: 60_000 } })
    world.upstream.answer = (reached) => {
      const asked = reached.message['method'] === 'tasks/get'
      reached.response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(answerTo(reached, asked ? { taskId: 'task-1', status: 'completed' } : task('working')))
    }
    expect(await outcomeOf(world)).toBe('200')
    expect(await outcomeOf(world)).toBe(full)
    expect(await outcomeOf(world, legacy('tasks/get', { taskId: 'task-1' }))).toBe('200')
    expect(await outcomeOf(world)).toBe('200')
  })

  it('are 100 of each principal where nothing is said', async () => {
    const world = await startWorld({ more: 'limits: { streams: 200 }' })
    const { answerAll } = holdCalls(world)
    const open = Array.from({ length: 100 }, () => world.ask(another()))
    await expect.poll(() => callsIn(world), { timeout: 20_000 }).toBe(100)
    expect(await outcomeOf(world)).toBe(full)
    answerAll()
    for (const answer of await Promise.all(open)) expect(answer.outcome).toBe('200')
    expect(await outcomeOf(world)).toBe('200')
  })
})

describe('sizes', () => {
  const more = 'limits: { arguments: 1024, result: 2048 }'
  const sized = (bytes: number) =>
    legacy(
      'tools/call',
      call('read_order', { text: 'ä'.repeat((bytes - '{"text":""}'.length - 1) / 2) + 'x' }),
    )

  it('of parameters are counted in bytes of their JSON', async () => {
    const world = await startWorld({ more })
    expect(await outcomeOf(world, sized(1024))).toBe('200')
    expect(await outcomeOf(world, sized(1026))).toBe('413 413 call_arguments_too_large')
    expect(callsIn(world)).toBe(1)
  })

  const text = (reached: Reached, length: number) =>
    answerTo(reached, { content: [{ type: 'text', text: 'x'.repeat(length) }] })

  it('of results that say their length are refused before anything is told', async () => {
    const world = await startWorld({ more })
    world.upstream.answer = (reached) => {
      const body = text(reached, 3000)
      reached.response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
        .end(body)
    }
    expect(await outcomeOf(world)).toBe('502 502 call_result_too_large')
    await expect
      .poll(() => world.record().filter(({ kind }) => kind === 'return'))
      .toMatchObject([{ result: 'failed', reason: 'call_result_too_large' }])
  })

  it('of streams are counted together, and end them with an error of their request', async () => {
    const world = await startWorld({ more })
    const notice = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'y'.repeat(600) } })}\n\n`
    world.upstream.answer = (reached) => {
      const stream = openStream(reached)
      for (let count = 0; count < 10; count++) stream.write(notice)
    }
    const answer = await world.ask(another())
    expect(answer.status).toBe(200)
    expect(answer.text.split('notifications/message').length - 1).toBeLessThanOrEqual(3)
    expect(answer.body).toMatchObject({ id: 1, error: { data: { code: 'call_result_too_large' } } })
    expect((await world.upstream.seen.at(-1)!.closed, true)).toBe(true)
  })

  it('of what is no call are not counted', async () => {
    const world = await startWorld({ more })
    world.upstream.answer = (reached) => {
      const list = reached.message['method'] === 'resources/list'
      if (list)
        reached.response.writeHead(200, { 'content-type': 'application/json' }).end(text(reached, 3000))
      else asEvents(reached)
    }
    expect(await outcomeOf(world, legacy('resources/list'))).toBe('200')
    expect(await outcomeOf(world)).toBe('200')
  })
})
