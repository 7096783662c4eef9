import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AddressInfo, createServer, Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createDial, type Lookup } from '../../src/egress/index.ts'
import { aLogin, aServer, codeOf, opened } from '../identity/opened.ts'
import { startIdp } from '../kit/idp.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Answer, clock, openScene, orders, type Scene, shapeOf, startTrap } from './scene.ts'

/** What becomes of every connection that anything in this process begins, TLS or not. */
function watchConnects() {
  /** Where one came about. */
  const reached: string[] = []
  /** Why one was given up; `address_refused` where nothing was sent for it. */
  const failed: string[] = []
  const { connect: real } = Socket.prototype
  const watched = function (this: Socket, ...rest: Parameters<typeof real>) {
    this.once('connect', () => reached.push(`${this.remoteAddress}:${this.remotePort}`))
    this.once('error', (error: { code?: string; errors?: { code?: string }[] }) => {
      failed.push(error.errors?.[0]?.code ?? error.code ?? 'no code')
    })
    return real.apply(this, rest)
  }
  const spy = vi.spyOn(Socket.prototype, 'connect').mockImplementation(watched)
  onTestFinished(() => spy.mockRestore())
  /** But for those to the listeners that the scene needs. */
  const elsewhere = ({ running, idp }: Scene) => {
    const own = [running.egress, running.telemetry, running.faces.admin.url, idp.issuer]
    return reached.filter((it) => !own.some((url) => new URL(url).host === it))
  }
  const forget = () => void (reached.length = failed.length = 0)
  return { elsewhere, failed, forget }
}

const resolving =
  (...addresses: string[]): Lookup =>
  (_name, _options, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )

/** A port of this machine at which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Both doors, of which the second is asked within the cool-down: neither may tell more than the other. */
async function refusals(scene: Scene, iss?: string): Promise<readonly Answer[]> {
  const claims = iss === undefined ? {} : { iss }
  return [
    await scene.ask(await scene.idp.token(claims)),
    await scene.mint(await scene.idp.token({ ...claims, sub: 'bob' })),
  ]
}
const codes = (answers: readonly Answer[]) => answers.map(({ status, code }) => `${status} ${code}`)
const unavailable = ['503 idp_unavailable', '503 idp_unavailable']
const unusable = ['503 idp_metadata_refused', '503 idp_metadata_refused']

describe('A28 SSRF through metadata: a jwks_uri that leads elsewhere', { timeout: 60_000 }, () => {
  const places: readonly [string, (port: number) => string][] = [
    ['the machine’s identity', () => 'http://169.254.169.254/latest/meta-data/iam/'],
    ['IPv4 in IPv6', (port) => `http://[::ffff:127.0.0.1]:${port}/keys`],
    ['IPv4 in hexadecimal', (port) => `http://0x7f.1:${port}/keys`],
    ['localhost with a dot', (port) => `http://localhost.:${port}/keys`],
    ['another port of the provider’s host', (port) => `http://127.0.0.1:${port}/keys`],
    ['6to4', (port) => `http://[2002:7f00:1::]:${port}/keys`],
    ['NAT64', (port) => `http://[64:ff9b::7f00:1]:${port}/keys`],
    ['another name', (port) => `http://keys.example:${port}/keys`],
    ['a public host under https', () => 'https://keys.example/keys'],
  ]

  it('is not dialled, and the answer is the same whether something is there or not', async () => {
    const trap = await startTrap()
    const closed = await closedPort()
    const asked: string[] = []
    const lookup: Lookup = (name, options, done) => {
      asked.push(name)
      resolving('127.0.0.1')(name, options, done)
    }
    const told = new Set<string>()
    const { elsewhere, forget } = watchConnects()
    for (const [what, at] of places) {
      // Where the address holds no port, there is nothing to tell apart.
      for (const port of at(trap.port) === at(closed) ? [closed] : [trap.port, closed]) {
        const scene = await openScene({ machine: { lookup } })
        scene.idp.knobs.jwksUri = at(port)
        forget()
        const answers = await refusals(scene)
        expect([what, codes(answers)]).toEqual([what, unavailable])
        for (const answer of answers) told.add(shapeOf(answer))
        expect(elsewhere(scene)).toEqual([])
        expect(scene.downstream.connections).toBe(0)
        await scene.running.stop()
      }
    }
    expect([trap.caught, asked]).toEqual([[], []])
    // One shape for each door.
    expect(told.size).toBe(2)
  })

  it.each([
    'file:///etc/passwd',
    'file://127.0.0.1/keys',
    'data:application/json,{"keys":[]}',
    'ftp://127.0.0.1/keys',
    'gopher://127.0.0.1:6379/_FLUSHALL',
    'javascript:0',
    '/keys',
    '',
  ])('of no web scheme is not read: %s', async (uri) => {
    const scene = await openScene()
    scene.idp.knobs.jwksUri = uri
    expect(codes(await refusals(scene))).toEqual(unusable)
  })

  it('behind userinfo is refused, on whichever side of the @ the provider stands', async () => {
    const trap = await startTrap()
    for (const at of [
      (host: string) => `http://${host}@127.0.0.1:${trap.port}/keys`,
      (host: string) => `http://127.0.0.1:${trap.port}@${host}/realms/acme/keys`,
    ]) {
      const scene = await openScene()
      scene.idp.knobs.jwksUri = at(new URL(scene.idp.issuer).host)
      expect(codes(await refusals(scene))).toEqual(unusable)
    }
    expect(trap.caught).toEqual([])
  })
})

describe('A28 SSRF through metadata: where the issuer’s name leads', { timeout: 60_000 }, () => {
  const inside = [
    '127.0.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '::127.0.0.1',
    '2002:7f00:1::',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '2001:0:4136:e378:8000:63bf:80ff:fffe',
    'fe80::1',
    'fd00:ec2::254',
  ]

  it('is judged at connect by the resolved address, and nothing is reached', async () => {
    const trap = await startTrap()
    const told = new Set<string>()
    const { elsewhere, failed, forget } = watchConnects()
    for (const address of inside) {
      const issuer = `https://idp.example:${trap.port}`
      const scene = await openScene({ issuer, machine: { lookup: resolving(address) } })
      forget()
      const answers = await refusals(scene, issuer)
      expect([address, codes(answers)]).toEqual([address, unavailable])
      expect([address, new Set(failed), elsewhere(scene)]).toEqual([
        address,
        new Set(['address_refused']),
        [],
      ])
      for (const answer of answers) told.add(shapeOf(answer))
      await scene.running.stop()
    }
    expect(trap.caught).toEqual([])
    expect(told.size).toBe(2)
  })

  it('is judged for a literal address and for names that stand for this machine, too', async () => {
    const trap = await startTrap()
    const { elsewhere, failed, forget } = watchConnects()
    for (const host of [
      '169.254.169.254',
      '[::ffff:127.0.0.1]',
      '[64:ff9b::7f00:1]',
      '[2002:7f00:1::]',
      'localhost.',
    ]) {
      const issuer = `https://${host}:${trap.port}`
      const scene = await openScene({ issuer, machine: { lookup: resolving('127.0.0.1') } })
      forget()
      expect([host, codes(await refusals(scene, issuer))]).toEqual([host, unavailable])
      // A literal address is refused before there is a socket.
      const told = host.startsWith('localhost') ? ['address_refused'] : []
      expect([host, [...new Set(failed)], elsewhere(scene)]).toEqual([host, told, []])
      await scene.running.stop()
    }
    expect(trap.caught).toEqual([])
  })

  it('is judged by the very lookup whose address is dialled: a name that flips gets nowhere', async () => {
    const trap = await startTrap()
    let turn = 0
    const flipping: Lookup = (name, options, done) => {
      turn += 1
      resolving(turn % 2 === 1 ? '127.0.0.2' : '127.0.0.1')(name, options, done)
    }
    const issuer = `https://idp.example:${trap.port}`
    const scene = await openScene({
      issuer,
      machine: { lookup: flipping },
      more: () => 'network: { allow: ["127.0.0.2/32"] }',
    })
    const { elsewhere, failed } = watchConnects()
    expect(codes(await refusals(scene, issuer))).toEqual(unavailable)
    // One lookup for each connection, of which every second leads inside.
    expect(turn).toBe(failed.length)
    expect(new Set(failed)).toEqual(new Set(['ECONNREFUSED', 'address_refused']))
    expect(elsewhere(scene)).toEqual([])
    expect(trap.caught).toEqual([])
  })

  it('is never looked up for an issuer that is not configured', async () => {
    const trap = await startTrap()
    const asked: string[] = []
    const lookup: Lookup = (name, options, done) => {
      asked.push(name)
      resolving('127.0.0.1')(name, options, done)
    }
    const scene = await openScene({ machine: { lookup } })
    const { elsewhere } = watchConnects()
    for (const iss of [
      `http://127.0.0.1:${trap.port}`,
      'http://169.254.169.254/',
      `http://evil.example:${trap.port}`,
      `${scene.idp.issuer}@127.0.0.1:${trap.port}`,
      'file:///etc',
    ]) {
      expect(await scene.doors(await scene.idp.token({ iss }))).toBe(
        '400 token_issuer_unknown, 401 token_issuer_unknown',
      )
    }
    expect([trap.caught, asked, elsewhere(scene), scene.idp.requests]).toEqual([[], [], [], []])
  })
})

describe('A28 SSRF through metadata: what the provider answers', { timeout: 30_000 }, () => {
  const both = ['/.well-known/', '/keys'] as const
  /** Let it answer so at the discovery or at the keys; the other is as it should be. */
  const answering = (
    scene: Scene,
    place: (typeof both)[number],
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ) => {
    scene.idp.knobs.instead = (request, response) => {
      if (request.url?.includes(place) !== true) return false
      answer(request, response)
      return true
    }
  }

  it.each(both)('a redirect is not followed: %s', async (place) => {
    const trap = await startTrap()
    for (const status of [301, 302, 303, 307, 308]) {
      const scene = await openScene()
      answering(scene, place, (_request, response) => {
        response.writeHead(status, { location: `http://127.0.0.1:${trap.port}/keys` }).end()
      })
      expect([status, codes(await refusals(scene))]).toEqual([status, unusable])
      await scene.running.stop()
    }
    expect(trap.caught).toEqual([])
  })

  it.each(both)('a compressed bomb is not unpacked: %s', async (place) => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    for (const encoding of ['gzip', 'br', 'gzip, gzip', undefined]) {
      const scene = await openScene()
      answering(scene, place, (_request, response) => {
        response.writeHead(200, {
          'content-type': 'application/json',
          ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
        })
        response.end(bomb)
      })
      const before = process.memoryUsage().arrayBuffers
      // By its label before it is read, or as what it is.
      const expected = encoding === undefined ? unusable : unavailable
      expect([encoding, codes(await refusals(scene))]).toEqual([encoding, expected])
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024)
      await scene.running.stop()
    }
  })

  it.each(both)('100 MB are broken off at the first: %s', async (place) => {
    const scene = await openScene()
    const chunk = Buffer.alloc(64 * 1024, 0x20)
    let sent = 0
    let broken: Promise<unknown> | undefined
    answering(scene, place, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = (): void => {
        while (sent < 100 * 1024 * 1024 && !response.destroyed) {
          sent += chunk.length
          if (!response.write(chunk)) return
        }
        response.end()
      }
      response.on('drain', more)
      broken = new Promise((resolve) => response.on('close', () => resolve(undefined)))
      more()
    })
    expect(codes(await refusals(scene))).toEqual(unavailable)
    await broken
    expect(sent).toBeLessThan(20 * 1024 * 1024)
  })

  it.each(both)('a slow-loris is given up: %s', async (place) => {
    const idp = await startIdp({ clock, algorithm: 'EdDSA' })
    onTestFinished(() => idp.close())
    const drip = (request: IncomingMessage, response: ServerResponse, part: string) => {
      const timer = setInterval(() => request.socket.write(part), 20)
      response.on('close', () => clearInterval(timer))
      request.socket.on('error', () => undefined)
    }
    const slow: readonly ((request: IncomingMessage, response: ServerResponse) => void)[] = [
      () => undefined,
      (request, response) => {
        request.socket.write('HTTP/1.1 200 OK\r\n')
        drip(request, response, 'x-a: b\r\n')
      },
      (request, response) => {
        request.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n')
        drip(request, response, ' ')
      },
      (request, response) => {
        request.socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
        drip(request, response, '1\r\n \r\n')
      },
    ]
    for (const answer of slow) {
      const dial = createDial({
        origins: [{ url: idp.issuer }],
        network: { allow: [], deny: [] },
        connectTimeoutMs: 5_000,
        headersTimeoutMs: 60_000,
        idleTimeoutMs: 60_000,
        fetchTimeoutMs: 200,
      })
      onTestFinished(() => dial.close())
      idp.knobs.instead = (request, response) => {
        if (request.url?.includes(place) !== true) return false
        answer(request, response)
        return true
      }
      const { identity } = opened({ logins: [aLogin(idp)], clock: steppedClock(), fetch: dial.fetch })
      const token = await idp.token()
      const begun = performance.now()
      expect(await codeOf(() => identity.verifySubject(token, aServer()))).toBe('idp_unavailable')
      expect(performance.now() - begun).toBeLessThan(5_000)
    }
  })

  it('is given ten seconds in a running instance, and the sockets are closed then', {
    timeout: 60_000,
  }, async () => {
    const scene = await openScene()
    const sockets = new Set<object>()
    answering(scene, '/.well-known/', (request) => {
      sockets.add(request.socket)
      request.socket.on('close', () => sockets.delete(request.socket))
    })
    const begun = performance.now()
    const waiting = scene.ask(await scene.idp.token())
    // One well-known place after the other, at its own ten seconds each, would triple what a caller waits.
    expect(codes([await waiting])).toEqual(['503 idp_unavailable'])
    expect(performance.now() - begun).toBeLessThan(20_000)
    await expect.poll(() => sockets.size, { timeout: 10_000 }).toBe(0)
  })

  it('more keys than a provider has, a list that is none, and JSON without end are refused', async () => {
    const noKey = ['401 token_signature_invalid', '400 token_signature_invalid']
    for (const [body, expected] of [
      [JSON.stringify({ keys: Array.from({ length: 101 }, () => ({ kty: 'OKP' })) }), unusable],
      [JSON.stringify({ keys: { length: 1 } }), unusable],
      ['['.repeat(400_000), unusable],
      [`{"keys":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, noKey],
      ['[]', unusable],
      ['null', unusable],
      ['', unusable],
    ] as const) {
      const scene = await openScene()
      answering(scene, '/keys', (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(body)
      })
      expect([body.slice(0, 12), codes(await refusals(scene))]).toEqual([body.slice(0, 12), expected])
      expect(scene.downstream.connections).toBe(0)
      await scene.running.stop()
    }
  })
})

describe('A28 SSRF through metadata: the token endpoint', { timeout: 30_000 }, () => {
  const open = () =>
    openScene({
      servers: `
  crm:
    url: "http://127.0.0.1:3000/mcp"
    audiences: ["https://crm.example"]
    accept: subject-token
    allow: [anyone]
    direct: [stock]`,
      downstreams: ({ downstream }) => `
  stock:
    url: "${downstream}"
    resource: https://stock.example
    exchange: { audience: stock-api }
    operations: [{ op: "GET /orders/{id}", class: read }]`,
    })
  const stock = orders.replace('orders/', 'stock/')

  it('at another place is sent nothing, and the answer is the same whether something is there or not', async () => {
    const trap = await startTrap()
    const closed = await closedPort()
    const told = new Set<string>()
    const { elsewhere, forget } = watchConnects()
    for (const at of [
      (port: number) => `http://127.0.0.1:${port}/token`,
      (port: number) => `http://localhost:${port}/token`,
      (port: number) => `https://127.0.0.1:${port}/token`,
      (port: number) => `https://[::ffff:127.0.0.1]:${port}/token`,
      () => 'https://169.254.169.254/token',
    ]) {
      for (const port of [trap.port, closed]) {
        const scene = await open()
        scene.idp.knobs.metadata = { token_endpoint: at(port) }
        forget()
        const answer = await scene.ask(await scene.idp.token(), stock)
        told.add(shapeOf(answer))
        expect(answer.status).toBe(502)
        expect(elsewhere(scene)).toEqual([])
        expect(scene.downstream.connections).toBe(0)
        await scene.running.stop()
      }
    }
    expect(trap.caught).toEqual([])
    expect(told.size).toBe(1)
  })

  it('that redirects is not followed with the subject token', async () => {
    const trap = await startTrap()
    for (const status of [302, 307, 308]) {
      const scene = await open()
      scene.idp.knobs.instead = (request, response) => {
        if (request.url?.endsWith('/token') !== true) return false
        response.writeHead(status, { location: `http://127.0.0.1:${trap.port}/token` }).end()
        return true
      }
      const answer = await scene.ask(await scene.idp.token(), stock)
      expect([status, answer.status]).toEqual([status, 502])
      expect(scene.downstream.connections).toBe(0)
    }
    expect(trap.caught).toEqual([])
  })
})
