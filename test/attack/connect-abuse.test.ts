import type { Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  asking,
  bearing,
  call,
  ended,
  nextChunk,
  plainTarget,
  realHello,
  secure,
  type Target,
  tlsTarget,
} from '../egress/tunnelled.ts'
import { canary, startWorld, token, type World, type WorldOptions } from '../egress/world.ts'
import { faults, least } from '../config/written.ts'
import { startInstance } from '../kit/instance.ts'

let world: World | undefined
const targets: Target[] = []
const clients: Socket[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  for (const target of targets.splice(0)) await target.close()
  await world?.close()
  world = undefined
})

const begin = async (options: WorldOptions = {}): Promise<World> => {
  world = await startWorld(options)
  return world
}

/** Somebody who would answer, and notes what reaches him. */
async function listener(answer = ''): Promise<Target & { readonly got: () => Buffer }> {
  const chunks: Buffer[] = []
  const target = await plainTarget((socket) => {
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      if (answer !== '') socket.write(answer)
    })
    socket.on('end', () => socket.end())
  })
  targets.push(target)
  return { ...target, got: () => Buffer.concat(chunks) }
}

async function ask(text: string | Buffer) {
  const asked = await call(world!.port, text)
  clients.push(asked.socket)
  return asked
}

const codeOf = (answer: string) => /"code":"([a-z_]+)"/.exec(answer)?.[1]
const outcome = async () => {
  await vi.waitFor(() => expect(world!.records.at(-1)?.kind).toBe('outcome'))
  return world!.records.at(-1)
}

describe('A42 CONNECT abuse: no tunnel but to what is listed', () => {
  it('is refused by default, to whomever: nothing is dialled, and it is recorded', async () => {
    const evil = await listener()
    await begin()
    for (const place of [evil.place, `127.0.0.1:${evil.port}`, `[::1]:${evil.port}`, 'evil.example:443']) {
      const { status, answer, socket } = await ask(asking(place))
      expect([place, status, codeOf(answer)]).toEqual([place, 403, 'connect_refused'])
      await ended(socket)
      expect(world!.records.at(-1)).toMatchObject({
        kind: 'denial',
        method: 'CONNECT',
        reason: 'connect_refused',
        rule: 'servers.crm.connect',
        details: { place },
        who: { server: 'crm', principal: { subject: 'alice' } },
      })
    }
    expect(evil.sockets).toEqual([])
  })

  it.each([
    '127.0.0.1:8200',
    'localhost:8200',
    '[::1]:8200',
    '[::ffff:127.0.0.1]:8200',
    '0.0.0.0:8200',
    '127.1:8200',
    '2130706433:8200',
    '0x7f.1:8200',
    '169.254.169.254:80',
    'metadata.google.internal:80',
  ])('is refused to the vault and the machine itself, however they are written: %s', async (place) => {
    const other = await listener()
    await begin({ connect: [other.place] })
    const { status, answer } = await ask(asking(place))
    expect([status, codeOf(answer)]).toEqual([403, 'connect_refused'])
    expect(world!.records).toHaveLength(1)
  })

  it('is refused for what only looks like what is listed', async () => {
    const listed = await listener()
    await begin({ connect: [listed.place] })
    const near = [
      `127.0.0.1:${listed.port}`,
      `localhost:${listed.port - 1}`,
      `xlocalhost:${listed.port}`,
      `localhost.evil.example:${listed.port}`,
      `evil.localhost:${listed.port}`,
    ]
    for (const place of near) expect([place, (await ask(asking(place))).status]).toEqual([place, 403])
    expect((await ask(asking(listed.place, [`Host: evil.example:${listed.port}`, bearing]))).status).toBe(400)
    expect(listed.sockets).toEqual([])
  })

  it('is refused to a downstream with the way that there is, listed or not, and nothing is injected', async () => {
    const place = 'orders.example:8081'
    for (const connect of [[], [place]]) {
      await begin({ named: 'orders.example', downstreamAt: `http://${place}`, connect })
      const { status, answer } = await ask(asking(place))
      expect([status, codeOf(answer)]).toEqual([403, 'connect_to_downstream'])
      expect(answer).toContain('http://host/path')
      expect(world!.exchange.needs).toEqual([])
      await world!.close()
    }
    world = undefined
  })

  it('is refused to a downstream by the port that its scheme implies', async () => {
    await begin({ named: 'orders.example', downstreamAt: 'https://orders.example' })
    expect(codeOf((await ask(asking('orders.example:443'))).answer)).toBe('connect_to_downstream')
    expect(codeOf((await ask(asking('orders.example:80'))).answer)).toBe('connect_refused')
  })

  it('is dialled under the guard: a listed name that resolves to the machine itself is not reached', async () => {
    const here = await listener()
    const place = `mirror.example:${here.port}`
    await begin({ connect: [place], resolving: '127.0.0.1' })
    const { status, answer } = await ask(asking(place))
    expect([status, codeOf(answer)]).toEqual([502, 'address_refused'])
    expect(here.sockets).toEqual([])
    await world!.close()
    await begin({ connect: ['mirror.example:80'], resolving: '169.254.169.254' })
    expect(codeOf((await ask(asking('mirror.example:80'))).answer)).toBe('address_refused')
  })

  it.each([
    ['HTTP', Buffer.from(`GET /orders/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`)],
    ['HTTP behind one empty line', Buffer.from('\r\nGET / HTTP/1.1\r\n\r\n')],
    ['one letter', Buffer.from('G')],
    ['SSH', Buffer.from('SSH-2.0-x\r\n')],
    ['a TLS record that is no ClientHello', Buffer.from([22, 3, 3, 0, 4, 2, 0, 0, 0])],
    ['a TLS alert', Buffer.from([21, 3, 3, 0, 2, 1, 0])],
    ['application data', Buffer.from([23, 3, 3, 0, 1, 0])],
  ])('closes on cleartext, of which no byte passes: %s', async (_what, bytes) => {
    const listed = await listener('HTTP/1.1 200 OK\r\n\r\n')
    await begin({ connect: [listed.place] })
    for (const early of [true, false]) {
      const text = Buffer.from(asking(listed.place))
      const { status, socket } = await ask(early ? Buffer.concat([text, bytes]) : text)
      expect(status).toBe(200)
      if (!early) socket.write(bytes)
      await ended(socket)
      expect(await outcome()).toMatchObject({ result: 'aborted', reason: 'tunnel_not_tls', bytesIn: 0 })
    }
    expect(listed.got()).toEqual(Buffer.alloc(0))
  })

  it.each([
    ['another host', () => realHello('evil.example')],
    ['a host behind the listed one', () => realHello('localhost.evil.example')],
    ['a host below the listed one', () => realHello('evil.localhost')],
    ['an encrypted host', async () => hiding(await realHello('localhost'))],
  ])('closes on TLS for %s', async (_what, make) => {
    const listed = await listener()
    await begin({ connect: [listed.place] })
    const { socket } = await ask(asking(listed.place))
    socket.write(await make())
    await ended(socket)
    expect(await outcome()).toMatchObject({ result: 'aborted', reason: 'tunnel_not_tls', bytesIn: 0 })
    expect(listed.got()).toEqual(Buffer.alloc(0))
  })

  it('closes where the server answers in clear, so that a ClientHello opens no other protocol', async () => {
    const mail = await listener('220 mail.example ESMTP\r\n')
    await begin({ connect: [mail.place] })
    const { socket } = await ask(asking(mail.place))
    const hello = await realHello('localhost')
    socket.write(hello)
    socket.write('MAIL FROM:<a@evil.example>\r\n')
    expect(await nextChunk(socket)).toBeUndefined()
    expect(await outcome()).toMatchObject({ result: 'failed', reason: 'tunnel_not_tls', bytesOut: 0 })
    expect(mail.got()).toEqual(hello)
  })

  it('waits for a ClientHello that comes byte by byte, and passes it as it is, without our token', async () => {
    const listed = await listener()
    await begin({ connect: [listed.place] })
    const { socket } = await ask(asking(listed.place, [`Host: ${listed.place}`, bearing, 'X-Own: y']))
    const hello = await realHello('localhost')
    for (const byte of hello.subarray(0, 40)) {
      socket.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(listed.got()).toEqual(Buffer.alloc(0))
    socket.write(hello.subarray(40))
    await vi.waitFor(() => expect(listed.got()).toEqual(hello))
  })

  it('injects nothing into what is listed: no credential is asked for, and none arrives', async () => {
    let got = ''
    const target = await tlsTarget((socket) => {
      socket.on('data', (chunk: Buffer) => {
        got += chunk.toString('latin1')
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      })
    })
    targets.push(target)
    await begin({ connect: [target.place] })
    const { socket } = await ask(asking(target.place))
    const tls = await secure(socket)
    const request = 'GET /orders/1 HTTP/1.1\r\nHost: localhost\r\n\r\n'
    tls.write(request)
    expect(String(await nextChunk(tls))).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(got).toBe(request)
    expect(world!.exchange.needs).toEqual([])
    expect(JSON.stringify(world!.records)).not.toContain(canary)
  })

  it('does not mix with an answer that is still due on the connection', async () => {
    const listed = await listener()
    await begin({ connect: [listed.place] })
    world!.answer = () => undefined
    const slow = `GET /downstream/orders/orders/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`
    const { answer, socket } = await ask(slow + asking(listed.place))
    await ended(socket)
    expect(answer).toBe('')
    expect(listed.sockets).toEqual([])
  })

  it('is refused on every other face, with an answer', async () => {
    const running = await startInstance({ form: 'dev', config: () => 'allow: [anyone]\n' })
    for (const face of [running.faces.admin, running.faces.telemetry]) {
      const { port, host } = new URL(face.url)
      const { status, answer, socket } = await call(Number(port), asking(host))
      expect([status, codeOf(answer)]).toEqual([405, 'method_refused'])
      await ended(socket)
    }
    const egress = Number(new URL(running.egress).port)
    const { status } = await call(egress, asking('evil.example:443', ['Host: evil.example:443']))
    expect(status).toBe(407)
  })

  it.each([
    ['a downstream', 'orders.example:443', /this is the downstream orders, and no credential/],
    ['our own egress', '127.0.0.1:9180', /one of our own faces/],
    ['our own admin face by another name', 'localhost:9183', /one of our own faces/],
    ['the vault', 'bao.example:8200', /this is the address of the vault/],
    ['a pattern', '*.example:443', /no host:port/],
    ['a URL', 'https://mirror.example:443', /no host:port/],
    ['a number for an address', '0x7f.1:443', /not in its one form/],
    ['a place twice', 'mirror.example:443, mirror.example:443', /stands there twice/],
  ])('cannot be opened by the configuration to %s', async (_what, places, says) => {
    const list = places
      .split(', ')
      .map((it) => JSON.stringify(it))
      .join(', ')
    const vault = 'vault: { address: "https://bao.example:8200", login: { token: file:/run/secret } }'
    const found = await faults(`${least}${vault}\nconnect: [${list}]\n`)
    expect(found.join('\n')).toMatch(says)
  })
})

/** The same ClientHello with an extension in which the real host could be encrypted (RFC 9849 §5). */
function hiding(hello: Buffer): Buffer {
  const bytes = Buffer.concat([hello, Buffer.from([0xfe, 0x0d, 0, 1, 0])])
  const sessionEnd = 5 + 4 + 2 + 32 + 1 + bytes[5 + 4 + 2 + 32]!
  const suitesEnd = sessionEnd + 2 + bytes.readUInt16BE(sessionEnd)
  const extensions = suitesEnd + 1 + bytes[suitesEnd]!
  bytes.writeUInt16BE(bytes.readUInt16BE(3) + 5, 3)
  bytes.writeUIntBE(bytes.readUIntBE(6, 3) + 5, 6, 3)
  bytes.writeUInt16BE(bytes.readUInt16BE(extensions) + 5, extensions)
  return bytes
}
