import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { call, legacy, modern } from './messages.ts'
import { answerTo, honest, openStream, type Reached } from './upstream.ts'
import { startWorld } from './world.ts'

const reading = legacy('tools/call', call('read_order', { id: '1' }))

/** Never answers, but says that it is there. */
const silent = (reached: Reached) => void openStream(reached).write(': here\n\n')

describe('a stream', () => {
  it('is passed on event by event, before the next one is written', async () => {
    const world = await startWorld()
    world.upstream.answer = silent
    const reached = world.upstream.next()
    const open = await world.open(reading)
    const { response, message } = await reached
    for (const step of [1, 2, 3]) {
      response.write(
        `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"step":${step}}}\n\n`,
      )
      await open.until(`"step":${step}`)
    }
    response.end(`data: ${answerTo({ message })}\n\n`)
    expect(await open.ended).toBe(true)
    expect(open.text()).toMatch(/^: here\n\n(?:data: .*\n\n){4}$/)
    expect(open.headers['content-type']).toBe('text/event-stream')
  })

  it('begins with its head, before there is any event', async () => {
    const world = await startWorld()
    world.upstream.answer = (reached) => void openStream(reached)
    expect((await world.open({ method: 'GET', headers: ['Accept', 'text/event-stream'] })).status).toBe(200)
    expect((await world.open(modern('subscriptions/listen'))).status).toBe(200)
  })

  it('of a server that breaks off ends with an error of the request, and a GET just ends', async () => {
    const world = await startWorld()
    world.upstream.answer = silent
    const reached = world.upstream.next()
    const open = await world.open(reading)
    ;(await reached).response.destroy()
    await open.ended
    const error = JSON.parse(open.text().split('data: ')[1]!)
    expect(error).toMatchObject({ id: 1, error: { code: 502, data: { code: 'server_failed' } } })
    const next = world.upstream.next()
    const get = await world.open({ method: 'GET' })
    ;(await next).response.destroy()
    expect(await get.ended).toBe(false)
    // Nobody knows what became of it, so it is not done again.
    expect(world.upstream.methods).toEqual(['tools/call', 'GET'])
  })
})

describe('a client that leaves', () => {
  it('takes its request at the server with it, before the answer and within it', async () => {
    const world = await startWorld()
    world.upstream.answer = () => undefined
    const first = world.upstream.next()
    const line = await world.line()
    const { headers = [], body = '' } = reading
    const lines = headers.map((it, index) => it + (index % 2 === 0 ? ': ' : '\r\n')).join('')
    line.send(
      `POST /a/mcp HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${world.token('alice')}\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body.toString()}`,
    )
    const { closed } = await first
    line.socket.destroy()
    await closed
    world.upstream.answer = silent
    const second = world.upstream.next()
    const open = await world.open(reading)
    open.request.destroy()
    await (await second).closed
    await expect
      .poll(() => world.record().flatMap(({ kind, result }) => (kind === 'return' ? [result] : [])))
      .toEqual(['aborted', 'aborted'])
  })
})

describe('revoking a person', () => {
  it('ends the open call and the open stream at once, and refuses the next; others go on', async () => {
    const world = await startWorld()
    world.upstream.answer = silent
    const token = world.token('alice')
    const call = await world.open(reading, { token })
    const get = await world.open({ method: 'GET' }, { token })
    const other = await world.open({ method: 'GET' }, { token: world.token('bob') })
    const reached = [...world.upstream.seen]
    const before = performance.now()
    await world.revoke('user', 'alice')
    await Promise.all([call.ended, get.ended, reached[0]!.closed, reached[1]!.closed])
    expect(performance.now() - before).toBeLessThan(2000)
    expect(call.text()).toContain('"code":"cut"')
    expect(other.response.complete).toBe(false)
    reached[2]!.response.write('data: {"jsonrpc":"2.0","method":"notifications/still"}\n\n')
    await other.until('still')
    for (const message of [reading, { method: 'GET' }])
      expect((await world.ask(message, { token })).status).toBe(401)
    expect(world.upstream.seen).toHaveLength(3)
  })
})

describe('a server that does not answer as it should', () => {
  it('is a 502 where it is down, and nothing of its address is told', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const { port } = gone.address() as { port: number }
    gone.close()
    const world = await startWorld({
      servers: `\n  only: { url: "http://127.0.0.1:${port}/mcp", allow: [anyone] }`,
    })
    const answer = await world.ask(legacy('tools/list'))
    expect(answer.outcome).toBe('502 502 server_failed')
    expect(answer.body['id']).toBe(1)
    expect(answer.text).not.toContain(String(port))
  })

  it('is a 502 where it refuses our token: the client is not told to sign in again', async () => {
    const world = await startWorld()
    world.upstream.answer = ({ response }) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="theirs"', 'set-cookie': 'theirs=1' })
      response.end('theirs')
    }
    const { outcome, headers, text } = await world.ask(legacy('tools/list'))
    expect(outcome).toBe('502 502 server_refused')
    expect(JSON.stringify([headers, text])).not.toMatch(/theirs|www-authenticate|set-cookie/)
  })

  it('is a 504 where it says nothing for as long as a call may take, with or without a stream', async () => {
    const world = await startWorld({ more: 'limits: { call: 1s }' })
    world.upstream.answer = () => undefined
    expect((await world.ask(reading)).outcome).toBe('504 504 call_timeout')
    world.upstream.answer = silent
    expect((await world.ask(reading)).outcome).toBe('200 504 call_timeout')
    await Promise.all(world.upstream.seen.map(({ closed }) => closed))
    // A stream that is no call has no end.
    expect((await world.open({ method: 'GET' })).status).toBe(200)
  })

  it('is a 502 where it sends the client elsewhere, or says what is neither JSON nor a stream', async () => {
    const world = await startWorld()
    const heads: [number, Record<string, string>][] = [
      [307, { location: 'http://127.0.0.1:1/mcp' }],
      [200, { 'content-type': 'text/html' }],
      [200, {}],
      [200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
    ]
    for (const [status, head] of heads) {
      world.upstream.answer = (reached) =>
        void reached.response.writeHead(status, head).end(answerTo(reached))
      expect((await world.ask(reading)).outcome).toBe('502 502 server_failed')
    }
    world.upstream.answer = honest
    expect((await world.ask(reading)).status).toBe(200)
  })

  it('may refuse: its own errors are passed on', async () => {
    const world = await startWorld()
    const error = '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}'
    world.upstream.answer = ({ response }) =>
      void response.writeHead(404, { 'content-type': 'application/json' }).end(error)
    const answer = await world.ask(modern('ping'))
    expect([answer.status, answer.text]).toEqual([404, error])
    world.upstream.answer = ({ response }) =>
      void response.writeHead(405, { allow: 'POST' }).end('no streams')
    const get = await world.ask({ method: 'GET' })
    expect([get.status, get.headers.allow, get.text]).toEqual([405, 'POST', 'no streams'])
  })
})
