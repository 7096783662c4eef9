import type { Socket } from 'node:net'
import { decodeJwt } from 'jose'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { LiveHandle } from '../../src/model/index.ts'
import {
  asking,
  bearing,
  call,
  ended,
  nextChunk,
  plainTarget,
  secure,
  type Target,
  tlsTarget,
} from './tunnelled.ts'
import { mint, startInstance } from '../kit/instance.ts'
import { startWorld, token, type World, type WorldOptions } from './world.ts'

let world: World
const targets: Target[] = []
const clients: Socket[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  for (const target of targets.splice(0)) await target.close()
  await world.close()
})

/** A TLS server that may be reached, and says back in capitals what it is told. */
async function start(
  options: WorldOptions = {},
  handle: (socket: TLSSocket) => void = shout,
): Promise<Target> {
  const target = await tlsTarget(handle)
  targets.push(target)
  world = await startWorld({ connect: [target.place], ...options })
  return target
}

/** A server without TLS that may be reached. */
async function startPlain(handle: (socket: Socket) => void): Promise<Target> {
  const target = await plainTarget(handle)
  targets.push(target)
  world = await startWorld({ connect: [target.place] })
  return target
}

const shout = (socket: TLSSocket) => {
  socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()))
  socket.on('end', () => socket.end('BYE'))
}

async function ask(text: string) {
  const asked = await call(world.port, text)
  clients.push(asked.socket)
  return asked
}

async function tunnel(place: string): Promise<TLSSocket> {
  const { socket, status } = await ask(asking(place))
  expect(status).toBe(200)
  const tls = await secure(socket)
  // In TLS 1.3 the client is ready before the server.
  const { secured, sockets } = targets[0]!
  await vi.waitFor(() => expect(secured.length).toBe(sockets.length))
  return tls
}

const codeOf = (answer: string) => /"code":"([a-z_]+)"/.exec(answer)?.[1]
const outcome = async () => {
  await vi.waitFor(() => expect(world.records.at(-1)?.kind).toBe('outcome'))
  return world.records.at(-1)
}
const only = (): LiveHandle => {
  const [handle] = world.live.keys()
  if (handle === undefined) throw new Error('nothing is live')
  return handle
}

describe('a CONNECT', () => {
  it.each([
    ['no token', [], 407, 'token_missing'],
    ['its token in Authorization', [`Authorization: Bearer ${token}`], 407, 'token_missing'],
    ['another token', ['Proxy-Authorization: Bearer eyJ.eyJ.abc'], 407, 'token_malformed'],
    ['two tokens', [bearing, bearing], 400, 'token_ambiguous'],
    ['one token twice', [bearing, `Authorization: Bearer ${token}`], 400, 'token_ambiguous'],
    ['a copy of its token', [bearing, `X-Copy: ${token}`], 400, 'token_ambiguous'],
    ['an Origin', [bearing, 'Origin: https://evil.example'], 403, 'origin_refused'],
    ['a body', [bearing, 'Content-Length: 4'], 400, 'request_malformed'],
    ['a chunked body', [bearing, 'Transfer-Encoding: chunked'], 400, 'request_malformed'],
    ['an upgrade', [bearing, 'Connection: upgrade', 'Upgrade: h2c'], 400, 'request_malformed'],
  ] as const)('is refused with %s', async (_what, head, status, code) => {
    const { place, sockets } = await start()
    const asked = await ask(asking(place, [`Host: ${place}`, ...head]))
    expect([asked.status, codeOf(asked.answer)]).toEqual([status, code])
    expect(asked.answer.includes('proxy-authenticate: Basic realm="sallyport", Bearer')).toBe(status === 407)
    expect(asked.answer).toContain('\r\nconnection: close\r\n')
    await ended(asked.socket)
    expect(sockets).toEqual([])
  })

  it.each([
    ['another host', 'Host: evil.example:443', 'host_mismatch'],
    ['another port', 'Host: localhost:1', 'host_mismatch'],
    ['no port where one is not implied', 'Host: localhost', 'host_mismatch'],
    ['no Host', 'X: y', 'request_malformed'],
  ])('is refused where Host has %s', async (_what, line, code) => {
    const { place, sockets } = await start()
    const { status, answer } = await ask(asking(place, [line, bearing]))
    expect([status, codeOf(answer)]).toEqual([400, code])
    expect(sockets).toEqual([])
  })

  it.each([
    'localhost',
    'localhost:0',
    'localhost:',
    'localhost:99999',
    'a@localhost:443',
    'localhost.:443',
    '/orders',
    'http://localhost:443/',
  ])('is refused for what is no host and port: %s', async (place) => {
    await start()
    const { status } = await ask(asking(place))
    expect(status === 400 || Number.isNaN(status)).toBe(true)
    expect(world.records).toEqual([])
  })

  it('is refused to a principal whom the server does not allow, and with a call token', async () => {
    const { place, sockets } = await start({ access: { call: { id: 'c1', tool: 'search' } } })
    const { status, answer } = await ask(asking(place))
    expect([status, codeOf(answer)]).toEqual([403, 'tool_does_not_use'])
    expect(world.records).toMatchObject([{ kind: 'denial', tool: 'search', details: { place } }])
    expect(sockets).toEqual([])
  })

  it('is refused where access is cut or on hold, before anything is dialled', async () => {
    const { place, sockets } = await start()
    world.gate.barred = { reason: 'held' }
    const { status, answer } = await ask(asking(place))
    expect([status, codeOf(answer)]).toEqual([403, 'held'])
    expect(world.records).toMatchObject([{ kind: 'denial', reason: 'held', rule: 'revocation' }])
    expect(sockets).toEqual([])
  })

  it('is refused where the record cannot be written', async () => {
    const { place, sockets } = await start()
    world.recordFails.now = true
    const { status, answer } = await ask(asking(place))
    expect([status, codeOf(answer)]).toEqual([503, 'record_unavailable'])
    expect(sockets).toEqual([])
  })

  it('is refused beyond as many as may be open, and served again when one has ended', async () => {
    const { place } = await start({ tunnels: { max: 1 } })
    const first = await tunnel(place)
    const refused = await ask(asking(place))
    expect([refused.status, codeOf(refused.answer)]).toEqual([503, 'tunnels_full'])
    expect(refused.answer).toMatch(/\r\nretry-after: 1\r\n/i)
    first.destroy()
    await vi.waitFor(() => expect(world.live.size).toBe(0))
    await tunnel(place)
  })

  it('is answered 502 where nobody listens, and that is the outcome', async () => {
    const { place, close } = await start()
    await close()
    targets.length = 0
    const { status, answer } = await ask(asking(place))
    expect([status, codeOf(answer)]).toEqual([502, 'downstream_unreachable'])
    expect(await outcome()).toMatchObject({ result: 'failed', reason: 'downstream_unreachable', bytesIn: 0 })
    expect(world.live.size).toBe(0)
  })

  it('is answered 503 while the process shuts down', async () => {
    const { place } = await start()
    await world.egress.close()
    const { status, answer } = await ask(asking(place))
    expect([status, codeOf(answer)]).toEqual([503, 'shutting_down'])
  })

  it('is taken in HTTP/1.0 without a Host, as Python up to 3.11 asks', async () => {
    const { place } = await start()
    const { status } = await ask(`CONNECT ${place} HTTP/1.0\r\n${bearing}\r\n\r\n`)
    expect(status).toBe(200)
  })

  it('ends a connection on which an earlier answer is still due, which would go into the tunnel', async () => {
    const { place, sockets } = await start()
    world.answer = () => undefined
    const first = `GET /downstream/orders/orders/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`
    const { answer, socket } = await ask(first + asking(place))
    await ended(socket)
    expect(answer).toBe('')
    expect(sockets).toEqual([])
  })

  it('is taken on a connection whose earlier answer is out', async () => {
    const { place } = await start()
    const { socket, status } = await ask('GET /downstreams HTTP/1.1\r\nHost: evil.example\r\n\r\n')
    expect(status).toBe(421)
    socket.write(asking(place))
    expect(String(await nextChunk(socket))).toMatch(/^HTTP\/1\.1 200 Connection Established\r\n/)
  })
})

describe('a tunnel', () => {
  it('carries bytes both ways, no credential, and is recorded before it is dialled', async () => {
    const { place } = await start()
    const tls = await tunnel(place)
    expect(world.order).toEqual(['gate', 'record', 'gate'])
    tls.write('hello')
    expect(String(await nextChunk(tls))).toBe('HELLO')
    tls.end()
    expect(String(await nextChunk(tls))).toBe('BYE')
    const last = await outcome()
    expect(world.records).toMatchObject([
      {
        kind: 'intent',
        method: 'CONNECT',
        operation: `CONNECT ${place}`,
        class: 'write',
        rule: 'servers.crm.connect[0]',
        details: { durability: 'synced' },
      },
      { kind: 'outcome', operation: `CONNECT ${place}`, result: 'done' },
    ])
    expect(last!.bytesIn).toBeGreaterThan(200)
    expect(last!.bytesOut).toBeGreaterThan(200)
    expect(last).not.toHaveProperty('credential')
    expect(world.exchange.needs).toEqual([])
    expect(world.live.size).toBe(0)
  })

  it('takes a ClientHello that came with the request, before the answer', async () => {
    const { place } = await start()
    const { realHello } = await import('./tunnelled.ts')
    const hello = await realHello('localhost')
    const asked = await call(world.port, Buffer.concat([Buffer.from(asking(place)), hello]))
    clients.push(asked.socket)
    expect(asked.status).toBe(200)
    // A handshake record: the server's hello.
    expect((await nextChunk(asked.socket))?.[0]).toBe(22)
  })

  it('closes one half where one side has ended, and goes on with the other', async () => {
    const bytes = Buffer.alloc(200_000, 'x')
    const { place } = await start({}, (socket) => {
      socket.resume()
      socket.on('end', () => socket.end(bytes))
    })
    const tls = await tunnel(place)
    tls.end('last words')
    let got = 0
    for (let chunk = await nextChunk(tls); chunk !== undefined; chunk = await nextChunk(tls))
      got += chunk.length
    expect(got).toBe(bytes.length)
    expect(await outcome()).toMatchObject({ result: 'done' })
  })

  it('takes from the server no more than the client reads', async () => {
    let sent = 0
    const { place } = await start({}, (socket) => {
      const chunk = Buffer.alloc(65_536)
      const go = () => {
        while (socket.write(chunk)) sent += chunk.length
        sent += chunk.length
        if (sent < 100_000_000) socket.once('drain', go)
      }
      go()
    })
    const tls = await tunnel(place)
    tls.pause()
    await vi.waitFor(
      async () => {
        const before = sent
        await new Promise((resolve) => setTimeout(resolve, 150))
        expect(sent).toBe(before)
      },
      { timeout: 10_000 },
    )
    expect(sent).toBeLessThan(50_000_000)
  })

  it('ends at once when it is cut, both ways, and says so in the record', async () => {
    const { place, secured } = await start()
    const tls = await tunnel(place)
    only().abort({ reason: 'cut' })
    await Promise.all([ended(tls), ended(secured[0]!)])
    expect(await outcome()).toMatchObject({ result: 'barred', reason: 'cut' })
  })

  it('that is cut while it is dialled is refused, and its connection is dropped', async () => {
    const { place, sockets } = await start()
    world.opened = (handle) => handle.abort({ reason: 'cut' })
    const { status, answer } = await ask(asking(place))
    expect([status, codeOf(answer)]).toEqual([407, 'cut'])
    await vi.waitFor(() => expect(sockets.every((it) => it.destroyed || it.readableEnded)).toBe(true))
    expect(await outcome()).toMatchObject({ result: 'barred', bytesIn: 0 })
  })

  it('moves nothing where the right to send has gone between the answer and the first bytes', async () => {
    const got: Buffer[] = []
    const { place } = await startPlain((socket) => socket.on('data', (chunk) => got.push(chunk)))
    const { socket, status } = await ask(asking(place))
    expect(status).toBe(200)
    world.gate.barred = { reason: 'cut' }
    await expect(secure(socket)).rejects.toThrow()
    expect(await outcome()).toMatchObject({ result: 'barred', reason: 'cut', bytesIn: 0 })
    expect(got).toEqual([])
  })

  it('whose first bytes left too late ends, and that is the outcome', async () => {
    const { place } = await start()
    const { socket } = await ask(asking(place))
    world.gate.fresh = false
    await expect(secure(socket)).rejects.toThrow()
    expect(await outcome()).toMatchObject({ result: 'late_injection', reason: 'lease_lapsed' })
  })

  it('stands still while the lease is lapsed, and goes on after', async () => {
    const { place } = await start()
    const tls = await tunnel(place)
    tls.write('one')
    expect(String(await nextChunk(tls))).toBe('ONE')
    only().freeze(true)
    tls.write('two')
    const next = nextChunk(tls)
    const nothing = new Promise((resolve) => setTimeout(resolve, 150, 'nothing'))
    expect(await Promise.race([next, nothing])).toBe('nothing')
    only().freeze(false)
    expect(String(await next)).toBe('TWO')
  })

  it('that opens while the lease is lapsed waits with its ClientHello', async () => {
    const { place, secured } = await start()
    world.opened = (handle) => handle.freeze(true)
    const { socket, status } = await ask(asking(place))
    expect(status).toBe(200)
    const tls = secure(socket)
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(secured).toEqual([])
    only().freeze(false)
    expect((await tls).authorized).toBe(true)
  })

  it('ends when neither side says anything', async () => {
    const { place } = await start({ tunnels: { idleMs: 1000 } })
    await ended(await tunnel(place))
    expect(await outcome()).toMatchObject({ result: 'aborted', reason: 'tunnel_timeout' })
  })

  it('ends after its time, however much it carries', async () => {
    const { place } = await start({ tunnels: { lifeMs: 1500 } }, (socket) => {
      const timer = setInterval(() => socket.write('tick'), 20)
      socket.on('close', () => clearInterval(timer))
    })
    await ended(await tunnel(place))
    expect(await outcome()).toMatchObject({ result: 'aborted', reason: 'tunnel_timeout' })
  })

  it('ends with its client', async () => {
    const { place, secured } = await start()
    await tunnel(place)
    clients.at(-1)!.resetAndDestroy()
    await ended(secured[0]!)
    expect(await outcome()).toMatchObject({ result: 'aborted', reason: 'caller_left' })
  })

  it('ends with its server', async () => {
    const { place } = await startPlain((socket) => void socket.once('data', () => socket.resetAndDestroy()))
    const { socket } = await ask(asking(place))
    await expect(secure(socket)).rejects.toThrow()
    expect(await outcome()).toMatchObject({ result: 'failed', reason: 'downstream_failed' })
  })

  it('to a server that ends without a word has failed', async () => {
    const { place } = await startPlain((socket) => void socket.once('data', () => socket.end()))
    const { socket } = await ask(asking(place))
    await expect(secure(socket)).rejects.toThrow()
    expect(await outcome()).toMatchObject({ result: 'failed', reason: 'downstream_failed' })
  })

  it('does not keep the process from ending once it is cut', async () => {
    const { place } = await start()
    const tls = await tunnel(place)
    const closing = world.egress.close()
    only().abort({ reason: 'lease_lapsed' })
    await closing
    await ended(tls)
  })
})

describe('a tunnel of the whole program', () => {
  it('ends when its person is revoked, with those of nobody else, and no other opens', async () => {
    const target = await tlsTarget(shout)
    targets.push(target)
    world = await startWorld()
    const running = await startInstance({
      form: 'dev',
      config: () => `allow: [anyone]\nconnect: ["${target.place}"]\n`,
    })
    const open = async (user: string) => {
      const issued = await running.admin('POST', '/v1/dev/tokens', { user, ttl: 600 })
      const { token } = await mint(running, 'main', (issued.body as { token: string }).token)
      const head = [`Host: ${target.place}`, `Proxy-Authorization: Bearer ${token}`]
      const ask = () => call(Number(new URL(running.egress).port), asking(target.place, head))
      const { socket, status } = await ask()
      clients.push(socket)
      expect(status).toBe(200)
      return { tls: await secure(socket), ask, subject: decodeJwt(token).sub }
    }
    const alice = await open('alice')
    const bob = await open('bob')
    expect(running.instance.replica.live.size).toBe(2)
    const { body } = await running.admin('POST', '/v1/revocations', {
      scope: { kind: 'user', id: alice.subject },
      cause: 'left',
    })
    expect(body['status']).toBe('complete')
    await ended(alice.tls)
    expect(running.instance.replica.live.size).toBe(1)
    const again = await alice.ask()
    expect([again.status, codeOf(again.answer)]).toEqual([407, 'cut'])
    bob.tls.write('still')
    expect(String(await nextChunk(bob.tls))).toBe('STILL')
  })
})
