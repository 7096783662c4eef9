import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canary, token } from '../egress/world.ts'
import { fine, openLine, still } from '../kit/raw.ts'
import { header, type WireMessage } from '../kit/wire.ts'
import { clients, type RawWorld, startRawWorld } from './over.ts'

const ask = (id: string, { method = 'GET', more = '', body = '' } = {}) =>
  `${method} /downstream/orders${method === 'POST' ? '/orders' : `/orders/${id}`} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
  `Authorization: Bearer ${token}\r\nX-Asked: ${id}\r\n${more}\r\n${body}`

const planted = 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Planted: yes\r\n\r\nplanted'
const asFile = (request: string) => request.replace('/orders/first', '/files/first')
/** An answer that says whose request it is for. */
const own = (request: WireMessage) => fine(JSON.stringify({ for: header(request, 'x-asked')[0] }))

describe.each(clients)('A50 pooled sockets: what is left on one is nobody’s, over %s', (client) => {
  let egress: RawWorld
  beforeEach(async () => {
    egress = await startRawWorld(client)
    egress.downstream.answer = own
  })
  afterEach(() => egress.world.close())

  /** One request over a connection of its own; what came back. */
  const get = async (request: string) => {
    const { world, motion } = egress
    const line = await openLine(world.port, motion)
    line.send(request)
    const { messages, fault } = await line.answered(request.split(' ', 1)[0]!)
    // What else may come is there before anybody goes on.
    await still(motion)
    line.socket.destroy()
    expect(fault).toBeUndefined()
    return messages[0]
  }
  const bodyOf = (message: WireMessage | undefined) => message?.body.toString()

  it('uses one socket for one request after the other: these tests are of sockets that are shared', async () => {
    for (const id of ['1', '2', '3']) expect(bodyOf(await get(ask(id)))).toBe(`{"for":"${id}"}`)
    expect(egress.downstream.connections).toHaveLength(1)
    expect(egress.downstream.requests).toHaveLength(3)
  })

  it('puts each request’s own credential on it, whatever the socket carried before', async () => {
    const { world, downstream } = egress
    for (const secret of ['credential-of-alice', 'of-bobby', 'credential-of-alice', 'credential-of-carol']) {
      world.exchange.secrets = [secret]
      await get(ask('1'))
    }
    expect(downstream.connections).toHaveLength(1)
    expect(downstream.requests.map((it) => header(it, 'authorization'))).toEqual([
      ['Bearer credential-of-alice'],
      ['Bearer of-bobby'],
      ['Bearer credential-of-alice'],
      ['Bearer credential-of-carol'],
    ])
  })

  it('puts no credential on the socket for a request that is refused after it was authorised', async () => {
    const { world, downstream } = egress
    await get(ask('1'))
    world.gate.barred = { reason: 'cut' }
    expect((await get(ask('2')))?.start).toMatch(/401/)
    world.gate.barred = undefined
    world.exchange.secrets = ['of-bobby']
    expect(bodyOf(await get(ask('3')))).toBe('{"for":"3"}')
    expect(downstream.requests.map((it) => header(it, 'authorization')[0])).toEqual([
      `Bearer ${canary}`,
      'Bearer of-bobby',
    ])
  })

  it.each([
    ['in the same write', (text: string) => text + planted],
    [
      'in the same write, without an end',
      (text: string) => `${text}HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n`,
    ],
    ['and a half line', (text: string) => `${text}HTTP/1.`],
    ['and a line break', (text: string) => `${text}\r\n`],
    ['twice', (text: string) => text + planted + planted],
  ])('never gives a second answer to the next one: surplus %s', async (_what, with_) => {
    const { downstream } = egress
    downstream.answer = (request) =>
      header(request, 'x-asked')[0] === 'first' ? with_(fine('{"for":"first"}')) : own(request)
    for (let round = 0; round < 3; round += 1) {
      expect(bodyOf(await get(ask('first')))).toBe('{"for":"first"}')
      const next = await get(ask('next'))
      expect([next?.start, bodyOf(next)]).toEqual(['HTTP/1.1 200 OK', '{"for":"next"}'])
    }
  })

  it('never gives a second answer to the next one: surplus that comes while the socket rests', async () => {
    const { downstream, motion } = egress
    downstream.answer = (request, socket) => {
      if (header(request, 'x-asked')[0] === 'first')
        setImmediate(() => setImmediate(() => socket.write(planted)))
      return own(request)
    }
    for (let round = 0; round < 3; round += 1) {
      expect(bodyOf(await get(ask('first')))).toBe('{"for":"first"}')
      await still(motion)
      expect(bodyOf(await get(ask('next')))).toBe('{"for":"next"}')
    }
  })

  it('never gives a second answer to one that waits for the socket: a full read of the kernel lies between', async () => {
    const { world, downstream, motion } = egress
    // What libuv reads at once is 64 KiB: the surplus is the first thing of the next read.
    const length = 65_536 - 'HTTP/1.1 200 OK\r\nContent-Length: 65494\r\n\r\n'.length
    const long = `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`
    expect(long).toHaveLength(65_536)
    downstream.answer = (request) =>
      header(request, 'x-asked')[0] === 'first' ? long + planted : own(request)
    const lines = await Promise.all(Array.from({ length: 8 }, () => openLine(world.port, motion)))
    for (let round = 0; round < 5; round += 1) {
      const first = lines[0]!
      const before = lines.map(({ received }) => received.length)
      first.send(ask('first'))
      for (const line of lines.slice(1)) line.send(ask('next'))
      await still(motion, 30)
      for (const [at, line] of lines.entries()) {
        const text = line.received.subarray(before[at]).toString('latin1')
        expect(text).not.toContain('planted')
        expect(text).toContain(at === 0 ? 'xxx' : '{"for":"next"}')
      }
    }
  })

  it.each([
    ['HEAD', 'Content-Length: 77\r\n'],
    ['HEAD', ''],
    ['204', 'Content-Length: 77\r\n'],
    ['204', ''],
    ['304', 'Content-Length: 77\r\n'],
    ['304', 'Transfer-Encoding: chunked\r\n'],
  ])(
    'does not use a socket again that may still bring a body where none belongs: %s %s',
    async (what, lines) => {
      const { world, downstream, motion } = egress
      const method = what === 'HEAD' ? 'HEAD' : 'GET'
      const status = what === 'HEAD' ? 200 : Number(what)
      const waiting: (() => void)[] = []
      downstream.answer = (request, socket) => {
        if (header(request, 'x-asked')[0] !== 'first') {
          // What a downstream has held back comes when the socket is used again.
          for (const release of waiting.splice(0)) release()
          return own(request)
        }
        if (lines !== '') waiting.push(() => socket.write(planted))
        return `HTTP/1.1 ${status} Fine\r\n${lines}\r\n`
      }
      for (let round = 0; round < 2; round += 1) {
        const line = await openLine(world.port, motion)
        line.send(asFile(ask('first', { method })))
        await still(motion, 20)
        expect(line.answers(method).messages[0]?.start).toContain(` ${status} `)
        expect(bodyOf(await get(ask('next')))).toBe('{"for":"next"}')
      }
    },
  )

  it('does not use a socket again whose request was answered before it was whole', async () => {
    const { world, downstream, motion } = egress
    const smuggled = 'GET /orders/smuggled HTTP/1.1\r\nHost: x\r\nX-Asked: smuggled\r\n\r\n'
    const line = await openLine(world.port, motion)
    const early = new Promise<void>((done) => {
      downstream.answer = (request) => {
        if (header(request, 'x-asked')[0] === 'next') return own(request)
        done()
        return undefined
      }
    })
    void early
    line.send(ask('first', { method: 'POST', more: 'Transfer-Encoding: chunked\r\n', body: '2\r\n{}\r\n' }))
    await still(motion)
    expect(downstream.connections).toHaveLength(1)
    // The head has come, the body has not: a downstream that answers now and goes on reading takes the rest for a request.
    downstream.sockets[0]!.write(fine('{"for":"first"}'))
    await still(motion)
    expect(bodyOf(await get(ask('next')))).toBe('{"for":"next"}')
    if (line.socket.writable) line.send(`${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`)
    await still(motion)
    expect(bodyOf(await get(ask('next')))).toBe('{"for":"next"}')
    expect(downstream.connections.length).toBeGreaterThan(1)
    expect(downstream.connections[0]!.bytes.toString('latin1')).not.toMatch(/x-asked: next/i)
  })

  it.each(['GET', 'HEAD'])(
    'does not use a socket again after a body where servers expect none (RFC 9110 §9.3.1): %s',
    async (method) => {
      const { downstream } = egress
      // A downstream that does not read such bodies takes what is in them for the next request.
      const smuggled = 'GET /orders/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
      for (const framed of [
        { more: `Content-Length: ${smuggled.length}\r\n`, body: smuggled },
        {
          more: 'Transfer-Encoding: chunked\r\n',
          body: `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
        },
      ]) {
        expect((await get(asFile(ask('first', { method, ...framed }))))?.start).toBe('HTTP/1.1 200 OK')
        expect((await get(ask('next')))?.start).toBe('HTTP/1.1 200 OK')
        for (const { bytes } of downstream.connections)
          expect(bytes.toString('latin1')).not.toMatch(/smuggled.*x-asked: next/is)
      }
    },
  )

  it('does not use a socket again that the downstream says it closes, in any spelling', async () => {
    const { downstream } = egress
    for (const value of ['close', 'Close', 'x, close', 'keep-alive, CLOSE ', 'close,x']) {
      downstream.answer = (request) => own(request).replace('\r\n', `\r\nConnection: ${value}\r\n`)
      const before = downstream.connections.length
      await get(ask('first'))
      await get(ask('next'))
      expect([value, downstream.connections.length - before]).toEqual([value, before === 0 ? 2 : 2])
    }
  })

  it('keeps requests of one caller’s socket apart, each with its own answer in its own place', async () => {
    const { world, downstream, motion } = egress
    // The later one is answered first.
    const held: (() => void)[] = []
    downstream.answer = (request, socket) => {
      const id = header(request, 'x-asked')[0]
      if (id !== 'slow') return own(request)
      held.push(() => socket.write(own(request)))
      return undefined
    }
    const line = await openLine(world.port, motion)
    line.send(ask('slow') + ask('quick') + ask('slow') + ask('quick'))
    await still(motion)
    for (const release of held.reverse()) release()
    await still(motion)
    const { messages, fault } = line.answers('GET', 'GET', 'GET', 'GET')
    expect(fault).toBeUndefined()
    expect(messages.map(bodyOf)).toEqual(['slow', 'quick', 'slow', 'quick'].map((id) => `{"for":"${id}"}`))
  })
})
