import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LiveHandle } from '../../src/model/index.ts'
import { listen, startWorld, stop, token, type World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

/** The one piece of live work. */
function working(): LiveHandle {
  return [...world.live.keys()][0]!
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 2000
  while (!condition()) {
    if (performance.now() > end) throw new Error('waited in vain')
    await new Promise((done) => setTimeout(done, 2))
  }
}

/** A request whose body the test writes piece by piece. */
function upload(path: string, headers: Record<string, string> = {}) {
  const req = request({
    port: world.port,
    host: '127.0.0.1',
    path,
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, ...headers },
  })
  req.on('error', () => undefined)
  const answer = once(req, 'response').then(async ([res]) => {
    let body = ''
    try {
      for await (const chunk of res as AsyncIterable<Buffer>) body += String(chunk)
    } catch {
      body += '[broken]'
    }
    return { status: res.statusCode as number, body }
  })
  answer.catch(() => undefined)
  return { req, answer }
}

describe('the last synchronous step (revocation protocol, line 6)', () => {
  it('writes no byte for what was cut after the decision, and answers with the reason', async () => {
    let asked = 0
    Object.defineProperty(world.gate, 'barred', {
      get: () => (++asked === 1 ? undefined : { reason: 'cut' }),
    })
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(401)
    expect(answer.json().code).toBe('cut')
    expect(asked).toBe(2)
    expect(world.seen).toEqual([])
    expect(world.records.at(-1)).toMatchObject({ kind: 'outcome', result: 'barred', reason: 'cut' })
  })

  it('says 503 and retry where the process may not serve now', async () => {
    let asked = 0
    Object.defineProperty(world.gate, 'barred', {
      get: () => (++asked === 1 ? undefined : { reason: 'lease_lapsed' }),
    })
    const answer = await world.ask('/downstream/orders/orders', { method: 'POST', body: '{}' })
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBe('1')
    expect(world.seen).toEqual([])
  })

  it('keeps the connection for others when it bars one request', async () => {
    await world.ask('/downstream/orders/orders/1')
    let asked = 0
    Object.defineProperty(world.gate, 'barred', {
      configurable: true,
      get: () => (++asked === 2 ? { reason: 'cut' } : undefined),
    })
    expect((await world.ask('/downstream/orders/orders/1')).status).toBe(401)
    expect((await world.ask('/downstream/orders/orders/1')).status).toBe(200)
    expect(world.seen).toHaveLength(2)
  })

  it('asks with the older of the two positions, of the token and of the credential', async () => {
    world.gate.applied = 3
    await world.ask('/downstream/orders/orders/1')
    expect(world.gate.revs).toEqual([5, 3])
  })

  it('asks a streamed request at its first byte, since its header is written with it', async () => {
    const { req, answer } = upload('/downstream/orders/uploads/1')
    req.flushHeaders()
    await until(() => world.live.size === 1)
    await until(() => world.gate.checks >= 2)
    expect(world.seen).toEqual([])
    // Not told by an abort: only the gate knows.
    world.gate.barred = { reason: 'held' }
    req.end('hello')
    expect(await answer).toMatchObject({ status: 403 })
    expect(world.seen).toEqual([])
    expect(world.records.at(-1)).toMatchObject({ result: 'barred', reason: 'held' })
  })

  it('asks an empty streamed request at its end', async () => {
    const { req, answer } = upload('/downstream/orders/uploads/1', { 'transfer-encoding': 'chunked' })
    req.flushHeaders()
    await until(() => world.gate.checks >= 2)
    world.gate.barred = { reason: 'cut' }
    req.end()
    expect(await answer).toMatchObject({ status: 401 })
    expect(world.seen).toEqual([])
  })

  it('destroys the socket and records late_injection when the right lapsed during the write', async () => {
    world.gate.fresh = false
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(503)
    expect(world.records.at(-1)).toMatchObject({ result: 'late_injection', reason: 'lease_lapsed' })
  })

  it('says late_injection for a streamed request too', async () => {
    world.gate.fresh = false
    const { req, answer } = upload('/downstream/orders/uploads/1')
    req.write('first')
    expect(await answer).toMatchObject({ status: 503 })
    expect(world.records.at(-1)).toMatchObject({ result: 'late_injection' })
    req.destroy()
  })
})

describe('a revocation on live work', () => {
  it('ends an open stream both ways', async () => {
    let gone = false
    world.answer = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
      res.on('close', () => {
        gone = true
      })
    }
    const req = request({
      port: world.port,
      host: '127.0.0.1',
      path: '/downstream/orders/orders/1',
      headers: { authorization: `Bearer ${token}` },
    }).end()
    const [res] = await once(req, 'response')
    const [first] = await once(res, 'data')
    expect(String(first)).toBe('data: 1\n\n')
    const broken = once(res, 'error')
    working().abort({ reason: 'cut' })
    await broken
    await until(() => gone)
    expect(world.records.at(-1)).toMatchObject({ result: 'barred', reason: 'cut', status: 200 })
    expect(world.live.size).toBe(0)
  })

  it('ends a request that waits for its answer, with the reason', async () => {
    world.answer = () => undefined
    const pending = world.ask('/downstream/orders/orders/1')
    await until(() => world.seen.length === 1)
    working().abort({ reason: 'held' })
    const answer = await pending
    expect(answer.status).toBe(403)
    expect(answer.json().code).toBe('held')
  })

  it('ends a request that is not sent yet, and never sends it', async () => {
    // Filed and given to undici, which has yet to connect.
    world.opened = (handle) => queueMicrotask(() => handle.abort({ reason: 'cut' }))
    expect((await world.ask('/downstream/orders/orders/1')).json().code).toBe('cut')
    await new Promise((done) => setTimeout(done, 50))
    expect(world.seen).toEqual([])
  })

  it('freezes both ways: no byte passes until the thaw, and then all of it does', async () => {
    const upstream: string[] = []
    let push = (_text: string) => undefined as unknown
    world.answer = (req, res) => {
      req.on('data', (chunk: Buffer) => upstream.push(String(chunk)))
      res.writeHead(200).write('one ')
      push = (text) => res.write(text)
      req.on('end', () => res.end('end'))
    }
    const req = request({
      port: world.port,
      host: '127.0.0.1',
      path: '/downstream/orders/uploads/1',
      method: 'PUT',
      headers: { authorization: `Bearer ${token}` },
    })
    req.write('a')
    const [res] = await once(req, 'response')
    const got: string[] = []
    res.on('data', (chunk: Buffer) => got.push(String(chunk)))
    await until(() => got.join('') === 'one ' && upstream.join('') === 'a')
    const work = working()
    work.freeze(true)
    req.write('b')
    push('two ')
    await new Promise((done) => setTimeout(done, 60))
    push('three ')
    await new Promise((done) => setTimeout(done, 60))
    expect(got.join('')).toBe('one ')
    expect(upstream.join('')).toBe('a')
    work.freeze(false)
    await until(() => got.join('') === 'one two three ' && upstream.join('') === 'ab')
    req.end()
    await once(res, 'end')
    expect(got.join('')).toBe('one two three end')
  })

  it('holds an answer that arrives whole while frozen', async () => {
    let reply = () => undefined as unknown
    world.answer = (_req, res) => {
      reply = () => res.end('whole')
    }
    const pending = world.ask('/downstream/orders/orders/1')
    await until(() => world.seen.length === 1)
    const work = working()
    work.freeze(true)
    reply()
    const early = await Promise.race([pending, new Promise((done) => setTimeout(done, 60, 'nothing'))])
    expect(early).toBe('nothing')
    work.freeze(false)
    expect((await pending).body).toBe('whole')
  })
})

describe('leaving', () => {
  it("aborts the downstream when the caller leaves, and records 'aborted'", async () => {
    let gone = false
    world.answer = (_req, res) => {
      res.write('x')
      res.on('close', () => {
        gone = true
      })
    }
    const socket = connect(world.port, '127.0.0.1')
    socket.write(
      `GET /downstream/orders/orders/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    await once(socket, 'data')
    socket.destroy()
    await until(() => gone)
    await until(() => world.records.length === 2)
    expect(world.records.at(-1)).toMatchObject({ result: 'aborted' })
  })

  it('aborts the downstream when the caller leaves in the middle of an upload', async () => {
    let gone = false
    world.answer = (req) => {
      req.resume()
      req.on('close', () => {
        gone = true
      })
    }
    const { req } = upload('/downstream/orders/uploads/1')
    req.write('part')
    await until(() => world.seen.length === 1)
    req.destroy()
    await until(() => gone)
    await until(() => world.records.length === 2)
    expect(world.records.at(-1)).toMatchObject({ result: 'aborted', bytesIn: 4 })
  })
})

describe('what a downstream may do to us', () => {
  it('breaks off the answer where the downstream does, and never makes it look whole', async () => {
    world.answer = (_req, res) => {
      res.writeHead(200, { 'content-length': '10' }).write('12345')
      setTimeout(() => res.destroy(), 10)
    }
    await expect(world.ask('/downstream/orders/orders/1')).rejects.toThrow()
    expect(world.records.at(-1)).toMatchObject({ result: 'failed', reason: 'downstream_failed' })
  })

  it('answers 502 where the downstream is not there', async () => {
    const probe = createServer()
    const port = await listen(probe)
    await stop(probe)
    await world.close()
    world = await startWorld({ downstreamAt: `http://127.0.0.1:${port}` })
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(502)
    expect(answer.json().code).toBe('downstream_unreachable')
  })

  it('answers 504 where the downstream does not begin to answer in time', async () => {
    await world.close()
    world = await startWorld({ timeouts: { headers: 200 } })
    world.answer = () => undefined
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(504)
    expect(answer.json().code).toBe('downstream_timeout')
  })

  it('ends a stream that is silent for longer than the idle limit', async () => {
    await world.close()
    world = await startWorld({ timeouts: { idle: 200 } })
    world.answer = (_req, res) => void res.writeHead(200).write('x')
    await expect(world.ask('/downstream/orders/orders/1')).rejects.toThrow()
    expect(world.records.at(-1)).toMatchObject({ result: 'failed', reason: 'downstream_timeout' })
  })
})
