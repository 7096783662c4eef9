import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canary, startWorld, token, type World } from '../egress/world.ts'

/** A45, A46 and A47: one reading of the request, and the injected credential survives, once. */
let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const head = (lines: string, method = 'POST', target = '/downstream/orders/orders') =>
  `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n${lines}`

describe('two readings of one request', () => {
  it.each([
    ['a length beside chunked', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['chunked beside a length', 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['two equal lengths', 'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc'],
    ['a list of lengths', 'Content-Length: 3, 3\r\n\r\nabc'],
    ['a signed length', 'Content-Length: +3\r\n\r\nabc'],
    ['chunked, identity', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
    ['gzip, chunked', 'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['an unknown coding', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a space before the colon', 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'],
    ['a folded line', 'Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n'],
    ['a bare line feed', 'X-A: b\nContent-Length: 3\r\n\r\nabc'],
    ['a bare carriage return', 'X-A: b\rContent-Length: 3\r\n\r\nabc'],
    ['a NUL in a header', 'X-A: b\0c\r\nContent-Length: 0\r\n\r\n'],
    ['an old version', 'Content-Length: 0\r\n\r\n', 'HTTP/1.0'],
    ['an upgrade', 'Connection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
    [
      'h2c',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n',
    ],
    ['an expectation that nobody knows', 'Expect: 200-ok\r\nContent-Length: 0\r\n\r\n'],
    [
      'two content types',
      'Content-Type: text/plain\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n',
    ],
  ])('is refused: %s', async (_what, lines, version = 'HTTP/1.1') => {
    const answer = await world.raw(head(lines).replace('HTTP/1.1', version))
    expect(answer).toMatch(/^HTTP\/1\.1 4(00|17) /)
    expect(world.seen).toEqual([])
  })

  it('is refused in the chunks: a chunk size that is none', async () => {
    await world.raw(head('Transfer-Encoding: chunked\r\n\r\n5;x\nabcde\r\n0\r\n\r\n'))
    await world.raw(head('Transfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n'))
    expect(world.records.filter((it) => it.result === 'done')).toEqual([])
  })

  it('is not made by a line break in path or query', async () => {
    for (const target of [
      '/downstream/orders/orders/1\r\nX-A:b',
      '/downstream/orders/orders/%0d%0aX-A:b',
      '/downstream/orders/orders/1?a=\nb',
    ]) {
      expect(await world.raw(head('\r\n', 'GET', target))).not.toMatch(/^HTTP\/1\.1 200 /)
    }
    expect(world.seen).toEqual([])
  })

  it('does not begin a second request inside the first: the body ends where it was said', async () => {
    await world.raw(
      head(
        'Content-Length: 46\r\nConnection: close\r\n\r\nGET /downstream/orders/orders/1 HTTP/1.1\r\nX: y',
        'POST',
      ),
    )
    expect(world.seen.map((it) => it.url)).toEqual(['/orders'])
  })
})

describe('the injected credential', () => {
  it.each(['authorization', 'close, Authorization', 'keep-alive, authorization, content-length, host'])(
    'is not stripped by Connection: %s',
    async (connection) => {
      await world.raw(head(`Connection: ${connection}\r\nContent-Length: 2\r\n\r\n{}`))
      expect(world.seen).toHaveLength(1)
      expect(world.seen[0]!.headers.authorization).toBe(`Bearer ${canary}`)
      expect(world.seen[0]!.headers['content-length']).toBe('2')
    },
  )

  it('stands once, and nothing of what the caller would put beside it', async () => {
    await world.raw(
      head(
        [
          'Cookie: a=1',
          'cookie2: a',
          'Proxy-Authorization: Basic x',
          'X-Api-Key: mine',
          'X_API_KEY: mine',
          'x-api_key: mine',
          'DPoP: proof',
          'Sallyport-Capability: mine',
          'X-Forwarded-For: 1.2.3.4',
          'TE: trailers',
          'Trailer: Authorization',
          'Keep-Alive: timeout=5',
          'Connection: close, X-Hop',
          'X-Hop: mine',
          'X-Kept: yes',
          'Content-Length: 0',
          '',
          '',
        ].join('\r\n'),
      ),
    )
    expect(world.seen).toHaveLength(1)
    const raw = world.seen[0]!.rawHeaders
    expect(raw.filter((it) => /^authorization$/i.test(it))).toHaveLength(1)
    expect(raw.join('\n')).not.toMatch(/mine|proof|1\.2\.3\.4|Basic|a=1|trailer/i)
    expect(world.seen[0]!.headers['x-kept']).toBe('yes')
  })

  it.each(['X-Api-Key', 'X-Internal-Key'])('is the only %s, in any spelling', async (name) => {
    await world.close()
    world = await startWorld({ placement: { kind: 'header', name } })
    await world.ask('/downstream/orders/orders/1', {
      headers: [name, 'mine', name.toLowerCase(), 'mine', name.replaceAll('-', '_'), 'mine'],
    })
    expect(world.seen[0]!.headers[name.toLowerCase()]).toBe(canary)
    expect(world.seen[0]!.rawHeaders.join()).not.toMatch(/mine/)
    expect(world.seen[0]!.headers.authorization).toBeUndefined()
  })

  it('is not taken from trailers of the caller', async () => {
    await world.raw(
      head(
        'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer mine\r\n\r\n',
      ),
    )
    expect(world.seen).toHaveLength(1)
    expect(world.seen[0]!.headers.authorization).toBe(`Bearer ${canary}`)
  })

  it('does not stay on the connection for the next request', async () => {
    await world.ask('/downstream/orders/orders/1')
    world.exchange.secrets = ['another']
    await world.ask('/downstream/orders/orders/1')
    expect(world.seen.map((it) => it.headers.authorization)).toEqual([`Bearer ${canary}`, 'Bearer another'])
  })
})
