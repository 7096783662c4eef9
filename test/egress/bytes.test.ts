import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as pass } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { startWorld, token, type World } from './world.ts'

/**
 * Memory of what was passed on is given back at once, so bytes that were still wanted would be missed here: callers
 * that stop and go, in both directions, several at a time, so that what one frees another has.
 */
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

async function collect(stream: NodeJS.ReadableStream, pauseEvery: number): Promise<string> {
  const hash = createHash('sha256')
  let pieces = 0
  for await (const piece of stream as AsyncIterable<Buffer>) {
    hash.update(piece)
    pieces += 1
    if (pieces % pauseEvery === 0) await pass(5)
  }
  return hash.digest('hex')
}

interface Trip {
  readonly bytes: number
  readonly declared: boolean
  readonly pauseEvery: number
}

/** Sends random bytes and has others sent back; tells whether both came as they were. */
async function trip(
  world: World,
  { bytes, declared, pauseEvery }: Trip,
): Promise<{ up: boolean; down: boolean }> {
  const sent = randomBytes(bytes)
  const length: Record<string, string> = declared ? { 'content-length': String(bytes) } : {}
  const req = request({
    port: world.port,
    host: '127.0.0.1',
    method: 'PUT',
    path: `/downstream/orders/uploads/${bytes}-${pauseEvery}`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream', ...length },
  })
  const answered = once(req, 'response')
  for (let at = 0; at < bytes; at += 200_001) {
    if (!req.write(sent.subarray(at, at + 200_001))) await once(req, 'drain')
    if ((at / 200_001) % pauseEvery === 0) await pass(5)
  }
  req.end()
  const [res] = await answered
  const down = await collect(res, pauseEvery)
  return { up: res.headers['x-got'] === digest(sent), down: res.headers['x-sends'] === down }
}

describe.each(['http1', 'undici'] as const)('bodies through the %s client', (client) => {
  it.each(['on', 'off'] as const)('arrive as they were, with the guard %s', async (guard) => {
    const world = await startWorld({ client, guard })
    try {
      world.answer = (req, res) => {
        void collect(req, 3).then((got) => {
          const back = randomBytes(1_500_000)
          const declared = req.headers['content-length'] !== undefined
          res.setHeader('x-got', got).setHeader('x-sends', digest(back))
          res.writeHead(200, declared ? { 'content-length': back.length } : {})
          for (let at = 0; at < back.length; at += 70_001) res.write(back.subarray(at, at + 70_001))
          res.end()
        })
      }
      const trips = [20_000, 65_536, 65_537, 900_000, 3_000_000].flatMap((bytes) =>
        [true, false].map((declared, index) => ({ bytes, declared, pauseEvery: 2 + index * 5 })),
      )
      const came = await Promise.all(trips.map((each) => trip(world, each)))
      expect(came).toEqual(trips.map(() => ({ up: true, down: true })))
    } finally {
      await world.close()
    }
  })
})
