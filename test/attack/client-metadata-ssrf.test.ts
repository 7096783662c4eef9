import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Lookup } from '../../src/egress/index.ts'
import { allowHere, everyNameHere, startMetadataHost, startWorld, type World } from '../signin/world.ts'
import { startTrap } from './scene.ts'

const redirect = 'https://client.example/cb'

/** What anybody may try without having signed in. Everything of the answer but its request id. */
async function told(world: World, id: string): Promise<string> {
  const answer = await fetch(world.request(id, { redirect_uri: redirect }), { redirect: 'manual' })
  const { date: _date, ...headers } = Object.fromEntries(answer.headers)
  return JSON.stringify([
    answer.status,
    headers,
    (await answer.text()).replace(/<code>[\w-]{16}<\/code>/, ''),
  ])
}

const resolving =
  (...addresses: string[]): Lookup =>
  (_name, _options, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )

/** Where connections of this process came about, but for those to the instance's own listeners. */
function watchConnects(): { readonly reached: string[]; readonly leave: (world: World) => void } {
  const reached: string[] = []
  const own: string[] = []
  const { connect: real } = Socket.prototype
  const watched = function (this: Socket, ...rest: Parameters<typeof real>) {
    this.once('connect', () => {
      const place = `${this.remoteAddress}:${this.remotePort}`
      if (!own.includes(place)) reached.push(place)
    })
    return real.apply(this, rest)
  }
  const spy = vi.spyOn(Socket.prototype, 'connect').mockImplementation(watched)
  onTestFinished(() => spy.mockRestore())
  const leave = ({ url, idp }: World) => void own.push(new URL(url).host, new URL(idp.issuer).host)
  return { reached, leave }
}

describe('A28 SSRF through client metadata: where a client_id leads', () => {
  it('is judged by the resolved address, and nothing inside is reached or told apart', async () => {
    const trap = await startTrap()
    const answers = new Set<string>()
    const { reached, leave } = watchConnects()
    for (const address of [
      '127.0.0.1',
      '10.0.0.1',
      '192.168.1.1',
      '172.16.0.1',
      '100.64.0.1',
      '169.254.169.254',
      '0.0.0.0',
      '::1',
      'fd00::1',
      'fe80::1',
      '::ffff:127.0.0.1',
      '2002:7f00:1::',
      '64:ff9b::7f00:1',
      '64:ff9b::a9fe:a9fe',
    ]) {
      const world = await startWorld({ lookup: resolving(address) })
      leave(world)
      answers.add(await told(world, `https://client.example:${trap.port}/client.json`))
      expect([address, reached]).toEqual([address, []])
      await world.running.stop()
    }
    expect(trap.caught).toEqual([])
    expect(answers.size).toBe(1)
    expect([...answers][0]).toContain('client_metadata_refused')
  })

  it('is judged for literal addresses and for names that stand for this machine', async () => {
    const trap = await startTrap()
    const world = await startWorld({ lookup: resolving('127.0.0.1') })
    const { reached, leave } = watchConnects()
    leave(world)
    for (const host of [
      '127.0.0.1',
      '169.254.169.254',
      '10.0.0.1',
      '[::1]',
      'localhost',
      'localhost.',
      'a.localhost',
    ])
      expect([host, await told(world, `https://${host}:${trap.port}/client.json`)]).toEqual([
        host,
        expect.stringContaining('client_metadata_refused'),
      ])
    // Other ways to write an address are not in the one form of a URL, and so are no client_id at all.
    for (const host of ['0x7f.1', '2130706433', '127.1', '[::ffff:127.0.0.1]', '①②⑦.0.0.1'])
      expect([host, await told(world, `https://${host}:${trap.port}/client.json`)]).toEqual([
        host,
        expect.stringMatching(/client_unknown|client_metadata_refused/),
      ])
    expect([reached, trap.caught]).toEqual([[], []])
  })

  it('is judged by the very lookup whose address is dialled', async () => {
    const trap = await startTrap()
    let turn = 0
    const flipping: Lookup = (name, options, done) => {
      turn += 1
      resolving(turn === 1 ? '93.184.216.34' : '127.0.0.1')(name, options, done)
    }
    const world = await startWorld({ lookup: flipping, more: 'network: { deny: ["93.184.216.34/32"] }' })
    expect(await told(world, `https://client.example:${trap.port}/client.json`)).toContain(
      'client_metadata_refused',
    )
    expect([turn, trap.caught]).toEqual([1, []])
  })

  it('is https alone', async () => {
    const trap = await startTrap()
    const world = await startWorld({ lookup: everyNameHere, more: allowHere })
    for (const id of [
      `http://client.example:${trap.port}/client.json`,
      'file:///etc/passwd',
      'ftp://client.example/x',
      'data:application/json,{}',
    ])
      expect(await told(world, id)).toContain('client_unknown')
    expect(trap.caught).toEqual([])
  })
})

describe('A28 SSRF through client metadata: what its host answers', () => {
  const opened = async (answer: (response: ServerResponse) => void) => {
    const host = await startMetadataHost()
    host.answers.set('/client.json', answer)
    const world = await startWorld({ lookup: everyNameHere, more: allowHere })
    return { host, world, id: host.at('/client.json') }
  }

  it('a redirect is not followed, be it to the inside or to a good document', async () => {
    const trap = await startTrap()
    for (const status of [301, 302, 303, 307, 308]) {
      const { host, world, id } = await opened(() => undefined)
      host.serve('/good.json', { client_id: id, redirect_uris: [redirect] })
      for (const location of [`http://127.0.0.1:${trap.port}/`, host.at('/good.json')]) {
        host.answers.set('/client.json', (response) => void response.writeHead(status, { location }).end())
        expect([status, await told(world, id)]).toEqual([
          status,
          expect.stringContaining('client_metadata_refused'),
        ])
      }
      expect(host.asked).toEqual(['/client.json'])
      await world.running.stop()
    }
    expect(trap.caught).toEqual([])
  })

  it.each<[string, (response: ServerResponse) => void]>([
    [
      'a compressed bomb',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        response.end(gzipSync(Buffer.alloc(16 * 1024 * 1024)))
      },
    ],
    [
      'an error',
      (response) => void response.writeHead(500, { 'content-type': 'application/json' }).end('{}'),
    ],
    ['nothing at all', (response) => response.destroy()],
    [
      'half a document',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
        response.write('{')
        response.destroy()
      },
    ],
    [
      'nesting without end',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end('['.repeat(5_000))
      },
    ],
  ])('%s is like any other refusal', async (_, answer) => {
    const { world, id } = await opened(answer)
    const absent = await told(world, id.replace('client.json', 'nothing.json'))
    expect(await told(world, id)).toBe(absent)
  })

  it('100 MB are broken off at the first', async () => {
    let sent = 0
    const chunk = Buffer.alloc(64 * 1024, 0x20)
    const { world, id } = await opened((response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = (): void => {
        while (sent < 100 * 1024 * 1024 && !response.destroyed) {
          sent += chunk.length
          if (!response.write(chunk)) return
        }
        response.end()
      }
      response.on('drain', more)
      more()
    })
    expect(await told(world, id)).toContain('client_metadata_refused')
    expect(sent).toBeLessThan(10 * 1024 * 1024)
  })

  it('a slow-loris is given up after five seconds', { timeout: 30_000 }, async () => {
    const { world, id } = await opened((response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 50)
      response.on('close', () => clearInterval(timer))
    })
    const begun = performance.now()
    expect(await told(world, id)).toContain('client_metadata_refused')
    expect(performance.now() - begun).toBeLessThan(10_000)
  })

  it('nobody makes a crowd of us: one fetch for each document, few at once, few in a time', async () => {
    let open = 0
    let most = 0
    const { host, world } = await opened(() => undefined)
    for (let at = 0; at < 60; at += 1)
      host.answers.set(`/${at}.json`, (response) => {
        open += 1
        most = Math.max(most, open)
        setTimeout(() => {
          open -= 1
          response.writeHead(404).end()
        }, 100)
      })
    const answers = await Promise.all(
      Array.from({ length: 180 }, (_, index) => told(world, host.at(`/${index % 60}.json`))),
    )
    expect(most).toBeLessThanOrEqual(10)
    expect(host.asked.length).toBeLessThanOrEqual(25)
    expect(new Set(host.asked).size).toBe(host.asked.length)
    expect(answers.filter((it) => it.includes('too_many_requests')).length).toBeGreaterThan(0)
  })
})
