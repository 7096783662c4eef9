import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, token, type World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const MiB = 1024 * 1024
const whole = 128 * MiB
const chunk = randomBytes(MiB)

function open(path: string, method: string, headers: Record<string, string> = {}) {
  return request({
    port: world.port,
    host: '127.0.0.1',
    path,
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
  })
}

/** Writes 128 MiB, waiting where the other side does not read, and counts. */
async function pour(into: NodeJS.WritableStream, poured: { bytes: number }): Promise<void> {
  for (; poured.bytes < whole; poured.bytes += chunk.length) if (!into.write(chunk)) await once(into, 'drain')
  into.end()
}

/** Waits until nothing more goes in: the other side is not reading, and everything between has its fill. */
async function stalled(poured: { bytes: number }): Promise<number> {
  for (let quiet = 0, last = 0; quiet < 5; last = poured.bytes) {
    await new Promise((done) => setTimeout(done, 40))
    quiet = poured.bytes === last && last > 0 ? quiet + 1 : 0
  }
  return poured.bytes
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is held, garbage aside: the resident size tells when the collector ran, not what is buffered. */
function held(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The most memory held beyond what was there, in the whole process, while something runs. */
async function growth(run: () => Promise<void>): Promise<number> {
  const before = held()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, held())
  }, 150)
  await run()
  clearInterval(timer)
  return most - before
}

describe('streaming', () => {
  it('passes each event of an event stream on when it comes', async () => {
    let push = (_text: string) => undefined as unknown
    world.answer = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      push = (text) => res.write(text)
    }
    const req = open('/downstream/orders/orders/1', 'GET').end()
    const [res] = await once(req, 'response')
    expect(res.headers['content-type']).toBe('text/event-stream')
    for (const event of ['data: 1\n\n', ': comment\n\n', 'data: 2\n\n']) {
      const next = once(res, 'data')
      push(event)
      expect(String((await next)[0])).toBe(event)
    }
    req.destroy()
  })

  it('passes an upload on while it comes, both directions at once', async () => {
    world.answer = (req, res) => {
      res.writeHead(200)
      req.on('data', (piece: Buffer) => res.write(`got ${String(piece)};`))
      req.on('end', () => res.end())
    }
    const req = open('/downstream/orders/uploads/1', 'PUT')
    req.write('a')
    const [res] = await once(req, 'response')
    expect(String((await once(res, 'data'))[0])).toBe('got a;')
    req.write('b')
    expect(String((await once(res, 'data'))[0])).toBe('got b;')
    req.end()
    await once(res, 'end')
  })

  it('keeps the declared length of a streamed upload', async () => {
    const body = randomBytes(100_000)
    let digest = ''
    world.answer = (req, res) => {
      const hash = createHash('sha256')
      req.on('data', (piece: Buffer) => hash.update(piece))
      req.on('end', () => {
        digest = hash.digest('hex')
        res.end()
      })
    }
    await world.ask('/downstream/orders/uploads/1', { method: 'PUT', body })
    expect(digest).toBe(createHash('sha256').update(body).digest('hex'))
    expect(world.seen[0]!.headers['content-length']).toBe('100000')
    expect(world.seen[0]!.headers['transfer-encoding']).toBeUndefined()
    expect(world.records.at(-1)).toMatchObject({ bytesIn: 100_000 })
  })

  it('passes 128 MiB down in bounded memory to a caller that does not read at first', async () => {
    const poured = { bytes: 0 }
    world.answer = (_req, res) => void pour(res, poured)
    let got = 0
    const grown = await growth(async () => {
      const req = open('/downstream/orders/files/big', 'GET').end()
      const [res] = await once(req, 'response')
      expect(await stalled(poured)).toBeLessThan(64 * MiB)
      for await (const piece of res as AsyncIterable<Buffer>) got += piece.length
    })
    expect(got).toBe(whole)
    expect(grown).toBeLessThan(48 * MiB)
  }, 120_000)

  it('passes 128 MiB up in bounded memory to a downstream that does not read at first', async () => {
    const poured = { bytes: 0 }
    let got = 0
    let read = () => undefined as unknown
    world.answer = (req, res) => {
      read = () => req.on('data', (piece: Buffer) => (got += piece.length))
      req.on('end', () => res.end('done'))
    }
    const grown = await growth(async () => {
      const req = open('/downstream/orders/uploads/1', 'PUT')
      const answered = once(req, 'response')
      const pouring = pour(req, poured)
      expect(await stalled(poured)).toBeLessThan(64 * MiB)
      read()
      await pouring
      const [res] = await answered
      res.resume()
      await once(res, 'end')
    })
    expect(got).toBe(whole)
    expect(grown).toBeLessThan(48 * MiB)
  }, 120_000)
})

describe('answers without a body', () => {
  it('passes the length of a HEAD answer and no body', async () => {
    world.answer = (_req, res) => res.writeHead(200, { 'content-length': '12345' }).end()
    const answer = await world.ask('/downstream/orders/files/x', { method: 'HEAD' })
    expect(answer.headers['content-length']).toBe('12345')
    expect(answer.body).toBe('')
  })

  it('passes 204 and 304 and goes on using the connection', async () => {
    world.answer = (_req, res) => res.writeHead(204).end()
    expect((await world.ask('/downstream/orders/orders/1')).status).toBe(204)
    world.answer = (_req, res) => res.writeHead(304, { etag: '"a"' }).end()
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(304)
    expect(answer.headers.etag).toBe('"a"')
  })

  it('leaves out informational answers and trailers', async () => {
    world.answer = (_req, res) => {
      res.writeProcessing()
      res.writeEarlyHints({ link: '</style.css>; rel=preload' })
      res.writeHead(200, { trailer: 'x-sum' })
      res.write('body')
      res.addTrailers({ 'x-sum': '1', authorization: 'x' })
      res.end()
    }
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(200)
    expect(answer.body).toBe('body')
    expect(answer.headers.trailer).toBeUndefined()
  })
})

describe('a credential that the downstream refuses', () => {
  it('is replaced once, and the request with a short body is repeated as it was', async () => {
    world.exchange.secrets = ['old-credential', 'new-credential']
    const bodies: string[] = []
    world.answer = (req, res) => {
      let body = ''
      req.on('data', (piece: Buffer) => (body += String(piece)))
      req.on('end', () => {
        bodies.push(body)
        const fine = req.headers.authorization === 'Bearer new-credential'
        res.writeHead(fine ? 201 : 401, { 'www-authenticate': 'Bearer' }).end(fine ? 'made' : 'no')
      })
    }
    const answer = await world.ask('/downstream/orders/orders', { method: 'POST', body: '{"n":1}' })
    expect(answer.status).toBe(201)
    expect(answer.body).toBe('made')
    expect(bodies).toEqual(['{"n":1}', '{"n":1}'])
    expect(world.exchange.refused.map((it) => it.fingerprint)).toEqual(['f-old-credential'])
    expect(world.records.map((it) => [it.kind, it.status])).toEqual([
      ['intent', undefined],
      ['outcome', 401],
      ['intent', undefined],
      ['outcome', 201],
    ])
  })

  it('gives 502 when it is refused twice, never the 401 itself', async () => {
    world.exchange.secrets = ['old-credential', 'new-credential']
    world.answer = (_req, res) =>
      res.writeHead(401, { 'www-authenticate': 'Bearer realm="inner"' }).end('secret text')
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(502)
    expect(answer.json().code).toBe('credential_refused')
    expect(answer.body).not.toContain('secret text')
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect(world.seen).toHaveLength(2)
    expect(world.exchange.refused).toHaveLength(2)
  })

  it('is not sent again when the fresh one is the same', async () => {
    world.answer = (_req, res) => res.writeHead(401).end()
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.json().code).toBe('credential_refused')
    expect(world.seen).toHaveLength(1)
  })

  it('is told, and a streamed request is not repeated', async () => {
    world.exchange.secrets = ['old-credential', 'new-credential']
    world.answer = (req, res) => {
      req.resume()
      req.on('end', () => res.writeHead(401).end())
    }
    const answer = await world.ask('/downstream/orders/uploads/1', {
      method: 'PUT',
      body: Buffer.alloc(70_000),
    })
    expect(answer.status).toBe(502)
    expect(answer.json().code).toBe('credential_refused_not_repeated')
    expect(world.seen).toHaveLength(1)
    expect(world.exchange.refused).toHaveLength(1)
  })

  it('does not keep us reading: a refusal without end is cut off', async () => {
    world.exchange.secrets = ['old-credential', 'new-credential']
    world.answer = (req, res) => {
      if (req.headers.authorization === 'Bearer new-credential') return void res.end('fine')
      res.writeHead(401)
      const more = () => {
        while (res.write(chunk));
      }
      res.on('drain', more)
      more()
    }
    expect((await world.ask('/downstream/orders/orders/1')).body).toBe('fine')
  })
})
