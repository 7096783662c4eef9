import { afterEach, describe, expect, it } from 'vitest'
import { certificateFor } from '../kit/certificate.ts'
import { canary, startWorld, token, type World, type WorldOptions } from './world.ts'

let world: World
afterEach(() => world.close())

const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const given = `Proxy-Authorization: ${basic('x', token)}\r\n`

async function start(options: WorldOptions = {}): Promise<string> {
  world = await startWorld({ named: 'orders.example', ...options })
  return new URL(world.origin).host
}

/** A request as a client writes it to its proxy. */
const ask = (url: string, head: string, method = 'GET') =>
  world.raw(`${method} ${url} HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
const codeOf = (answer: string) => /"code":"([a-z_]+)"/.exec(answer)?.[1]

describe('the token of a forward request', () => {
  it.each([
    ['none', ''],
    ['one in Authorization, which is for servers', `Authorization: Bearer ${token}\r\n`],
    ['a scheme that carries none', 'Proxy-Authorization: Negotiate abc\r\n'],
    ['an empty Basic', 'Proxy-Authorization: Basic\r\n'],
    ['a Basic without anything in it', `Proxy-Authorization: ${basic('', '')}\r\n`],
  ])('is missing with %s: 407 and both challenges (RFC 9110 §15.5.8)', async (_what, head) => {
    const host = await start()
    const answer = await ask(`http://${host}/orders/1`, `Host: ${host}\r\n${head}`)
    expect([statusOf(answer), codeOf(answer)]).toEqual([407, 'token_missing'])
    expect(answer).toMatch(/\r\nproxy-authenticate: Basic realm="sallyport", Bearer\r\n/i)
    expect(answer).not.toMatch(/\r\nwww-authenticate/i)
    expect(answer).toContain('"status":407')
    expect(world.seen).toEqual([])
  })

  it.each([
    ['no base64', 'Basic %%%'],
    ['base64 with something behind it', `${basic('x', token)}\u00e9`],
    ['no colon in it', `Basic ${Buffer.from(token).toString('base64')}`],
    ['another token than ours', 'Bearer eyJ.eyJ.abc'],
    ['a blank in it', basic('x', 'a b')],
  ])('is refused with %s', async (_what, value) => {
    const host = await start()
    const answer = await ask(`http://${host}/orders/1`, `Host: ${host}\r\nProxy-Authorization: ${value}\r\n`)
    expect([400, 407]).toContain(statusOf(answer))
    expect(world.seen).toEqual([])
  })

  it.each([
    ['in two Proxy-Authorization headers', given + given],
    ['in both of its places', `${given}Authorization: Bearer ${token}\r\n`],
    ['in both of its places, as Basic', `${given}Authorization: ${basic('x', 'y')}, Bearer ${token}\r\n`],
    ['beside another token of that form', `${given}Authorization: Bearer eyJhbGciOiJub25lIn0.e30.sig\r\n`],
    ['as user and password', `Proxy-Authorization: ${basic(token, token)}\r\n`],
    ['in a header of the caller', `${given}X-Copy: ${token}\r\n`],
  ])('is ambiguous %s', async (_what, head) => {
    const host = await start()
    const answer = await ask(`http://${host}/orders/1`, `Host: ${host}\r\n${head}`)
    expect([statusOf(answer), codeOf(answer)]).toEqual([400, 'token_ambiguous'])
    expect(world.seen).toEqual([])
  })

  it.each(['/orders/1?access_token=x', `/orders/1?t=${token}`])(
    'is ambiguous in the URL (RFC 6750 §2.3): %s',
    async (path) => {
      const host = await start()
      const answer = await ask(`http://${host}${path}`, `Host: ${host}\r\n${given}`)
      expect([statusOf(answer), codeOf(answer)]).toEqual([400, 'token_ambiguous'])
    },
  )

  it.each([
    ['Bearer', `Bearer ${token}`],
    ['the password of Basic', basic('anybody', token)],
    ['the user of Basic, without a password', basic(token, '')],
    ['Basic in another case', basic('x', token).replace('Basic', 'bAsIc')],
  ])('is taken from %s, and what the caller had for the server is dropped', async (_what, value) => {
    const host = await start()
    const own = 'Authorization: token my-own\r\nCookie: a=b\r\nProxy-Connection: keep-alive\r\n'
    const answer = await ask(
      `http://${host}/orders/1?a=b`,
      `Host: ${host}\r\nProxy-Authorization: ${value}\r\n${own}`,
    )
    expect(statusOf(answer)).toBe(200)
    const [seen] = world.seen
    expect(seen).toMatchObject({ method: 'GET', url: '/orders/1?a=b' })
    expect(seen!.headers).toMatchObject({ host, authorization: `Bearer ${canary}` })
    expect(JSON.stringify(seen!.rawHeaders)).not.toMatch(/proxy|my-own|cookie/i)
    expect(JSON.stringify(seen!.rawHeaders)).not.toContain(token)
  })
})

describe('the URL of a forward request', () => {
  it.each([
    ['a user in it', (host: string) => `http://a@${host}/orders/1`],
    ['a user and password in it', (host: string) => `http://a:b@${host}/orders/1`],
    ['no host', () => 'http:///orders/1'],
    ['another scheme', (host: string) => `ftp://${host}/orders/1`],
    ['a fragment', (host: string) => `http://${host}/orders/1#x`],
    ['a backslash', (host: string) => `http://${host}\\orders\\1`],
    ['an encoded host', (host: string) => `http://%6frders.example:${host.split(':')[1]!}/orders/1`],
    ['an empty port', () => 'http://orders.example:/orders/1'],
    ['a port with a zero before it', (host: string) => `http://${host.replace(':', ':0')}/orders/1`],
    ['a host that ends with a dot', (host: string) => `http://${host.replace(':', '.:')}/orders/1`],
    ['nothing but a path without its slash', () => 'orders/1'],
    ['the form of CONNECT', (host: string) => host],
  ])('is refused with %s, and nothing is sent', async (_what, url) => {
    const host = await start()
    const answer = await ask(url(host), `Host: ${host}\r\n${given}`)
    expect(statusOf(answer)).toBe(400)
    expect(world.seen).toEqual([])
  })

  it.each([
    '/files/../orders/1',
    '/files/%2e%2e/orders/1',
    '//orders/1',
    '/files//x',
    '/files/a%2fb',
    '/files/%252e',
    '/files/a;b',
    '/orders/1?a"b',
  ])('is read as strictly as every path: %s', async (path) => {
    const host = await start()
    const answer = await ask(`http://${host}${path}`, `Host: ${host}\r\n${given}`)
    expect([statusOf(answer), codeOf(answer)]).toEqual([400, 'path_ambiguous'])
    expect(world.seen).toEqual([])
  })

  it.each(['TRACE', 'BREW'])('is not served with the method %s', async (method) => {
    const host = await start()
    expect(statusOf(await ask(`http://${host}/orders/1`, `Host: ${host}\r\n${given}`, method))).not.toBe(200)
    expect(world.seen).toEqual([])
  })

  it('is not taken in HTTP/1.0, whose bodies end by other rules', async () => {
    const host = await start()
    const answer = await world.raw(`GET http://${host}/orders/1 HTTP/1.0\r\nHost: ${host}\r\n${given}\r\n`)
    expect(codeOf(answer)).toBe('request_malformed')
  })

  it('is of no downstream at another host, port or TLS: 403, nothing dialled, and it is recorded', async () => {
    const host = await start()
    const port = new URL(world.origin).port
    const urls = [
      'http://evil.example/orders/1',
      `http://evil.example:${port}/orders/1`,
      'http://orders.example/orders/1',
      'http://orders.example:1/orders/1',
      `https://${host}/orders/1`,
      `http://127.0.0.1:${port}/orders/1`,
      `http://127.0.0.1:${world.port}/downstream/orders/orders/1`,
    ]
    for (const url of urls) {
      const answer = await ask(url, `Host: ${new URL(url).host}\r\n${given}`)
      expect([url, statusOf(answer), codeOf(answer)]).toEqual([url, 403, 'forward_unknown'])
    }
    expect(world.seen).toEqual([])
    expect(world.records).toHaveLength(urls.length)
    expect(world.records[0]).toMatchObject({
      kind: 'denial',
      decision: 'deny',
      reason: 'forward_unknown',
      method: 'GET',
      path: '/orders/1',
      who: { server: 'crm', sid: 's1', principal: { subject: 'alice' } },
      details: { place: 'http://evil.example' },
    })
  })

  it('is refused where a wrong token asks, before it is said what is configured', async () => {
    await start()
    const wrong = `Host: evil.example\r\nProxy-Authorization: Bearer eyJ.eyJ.abc\r\n`
    expect(statusOf(await ask('http://evil.example/', wrong))).toBe(407)
  })

  it('is compared in any case, with its percent-encoding normalised, and sent as it was matched', async () => {
    const host = await start()
    const answer = await ask(`HTTP://${host.toUpperCase()}/orders/%31`, `Host: ${host}\r\n${given}`)
    expect(statusOf(answer)).toBe(200)
    expect(world.seen[0]).toMatchObject({ url: '/orders/1', headers: { host } })
  })

  it('may be without a path', async () => {
    const host = await start()
    const answer = await ask(`http://${host}?a=b`, `Host: ${host}\r\n${given}`)
    expect(codeOf(answer)).toBe('operation_unknown')
    expect(world.records[0]).toMatchObject({ kind: 'denial', downstream: 'orders', path: '/' })
  })
})

describe('the downstream of a forward request', () => {
  const outcome = () => world.records.find((it) => it.kind === 'outcome') ?? world.records[0]

  it.each([
    ['https://orders.example', 'http://orders.example/orders/1', true],
    ['https://orders.example', 'http://orders.example:80/orders/1', true],
    ['https://orders.example', 'http://orders.example:443/orders/1', true],
    ['https://orders.example', 'https://orders.example/orders/1', true],
    ['https://orders.example', 'https://orders.example:80/orders/1', false],
    ['https://orders.example', 'http://orders.example:8443/orders/1', false],
    ['https://orders.example:8443', 'http://orders.example:8443/orders/1', true],
    ['https://orders.example:8443', 'https://orders.example:8443/orders/1', true],
    ['https://orders.example:8443', 'http://orders.example/orders/1', false],
    ['http://orders.example', 'http://orders.example/orders/1', true],
    ['http://orders.example', 'http://orders.example:443/orders/1', false],
    ['http://orders.example', 'https://orders.example/orders/1', false],
  ])('%s is meant by %s: %s', async (downstreamAt, url, meant) => {
    await start({ downstreamAt, timeouts: { connect: 300 } })
    const { host } = new URL(url)
    await ask(url, `Host: ${host}\r\n${given}`)
    expect(outcome()?.downstream).toBe(meant ? 'orders' : undefined)
  })

  it('is reached by its own scheme: TLS, though the client could only ask for http', async () => {
    const host = await start({ tls: certificateFor('orders.example') })
    expect(world.origin).toMatch(/^https:/)
    expect(statusOf(await ask(`http://${host}/orders/1`, `Host: ${host}\r\n${given}`))).toBe(200)
    expect(world.seen[0]!.headers.authorization).toBe(`Bearer ${canary}`)
  })

  it('is the one with the longest path before it', async () => {
    const host = await start({
      basePath: '/api',
      more: (origin) => [
        { name: 'inner', origin, basePath: '/api/v2' },
        { name: 'other', origin, basePath: '/apis' },
      ],
    })
    const paths = ['/api/orders/1', '/api/v2/orders/1', '/apis/orders/1', '/orders/1', '/ap/orders/1']
    for (const path of paths) await ask(`http://${host}${path}`, `Host: ${host}\r\n${given}`)
    const found = world.records.filter((it) => it.kind !== 'outcome')
    expect(found.map((it) => it.downstream)).toEqual(['orders', 'inner', 'other', undefined, undefined])
  })

  it('is asked at its own address without a slash behind it', async () => {
    const operations = [{ id: 'GET /', method: 'GET', path: '/', class: 'read' as const }]
    const host = await start({ basePath: '/api', operations })
    for (const path of ['/api', '/api?a=1', '/api/'])
      expect(statusOf(await ask(`http://${host}${path}`, `Host: ${host}\r\n${given}`))).toBe(200)
    expect(world.seen.map(({ url }) => url)).toEqual(['/api', '/api?a=1', '/api/'])
  })

  it('is refused where there are two of them', async () => {
    const host = await start({ more: (origin) => [{ name: 'twin', origin, basePath: '' }] })
    const answer = await ask(`http://${host}/orders/1`, `Host: ${host}\r\n${given}`)
    expect([statusOf(answer), codeOf(answer)]).toEqual([403, 'forward_ambiguous'])
    expect(world.seen).toEqual([])
  })

  it('is decided on, recorded and settled like every other', async () => {
    const host = await start()
    const denied = await ask(`http://${host}/orders/1`, `Host: ${host}\r\n${given}`, 'DELETE')
    expect([statusOf(denied), codeOf(denied)]).toEqual([403, 'critical_needs_call'])
    await ask(`http://${host}/orders/1`, `Host: ${host}\r\n${given}`)
    expect(world.records.map((it) => [it.kind, it.operation, it.result])).toEqual([
      ['denial', 'DELETE /orders/{id}', undefined],
      ['intent', 'GET /orders/{id}', undefined],
      ['outcome', 'GET /orders/{id}', 'done'],
    ])
  })

  it('is not served what is cut, and 407 asks for a new token', async () => {
    const host = await start()
    world.gate.barred = { reason: 'cut' }
    const answer = await ask(`http://${host}/orders/1`, `Host: ${host}\r\n${given}`)
    expect([statusOf(answer), codeOf(answer)]).toEqual([407, 'cut'])
    expect(world.seen).toEqual([])
  })

  it('takes bodies, whole and streamed', async () => {
    const host = await start()
    const bodies: string[] = []
    world.answer = (req, res) => {
      let body = ''
      req.on('data', (chunk: Buffer) => (body += String(chunk)))
      req.on('end', () => {
        bodies.push(body)
        res.end('{}')
      })
    }
    const head = `HTTP/1.1\r\nHost: ${host}\r\n${given}`
    await world.raw(`POST http://${host}/orders ${head}Content-Length: 5\r\n\r\nwhole`)
    await world.raw(
      `POST http://${host}/orders ${head}Transfer-Encoding: chunked\r\n\r\n6\r\nstream\r\n0\r\n\r\n`,
    )
    expect(bodies).toEqual(['whole', 'stream'])
  })

  it.each([
    ['absolute', (origin: string) => `${origin}/orders/2?a=b#c`],
    ['relative', () => '/orders/2?a=b#c'],
    ['without a scheme', (origin: string) => `${origin.replace(/^https:/, '')}/orders/2?a=b#c`],
  ])('is linked to by URLs that lead through the proxy again: %s', async (_what, location) => {
    const host = await start({ tls: certificateFor('orders.example') })
    world.answer = (_req, res) =>
      res
        .writeHead(302, {
          location: location(world.origin),
          link: `<${location(world.origin)}>; rel="next", <https://evil.example/x>; rel="x"`,
          'content-location': `${world.origin}/beside`,
        })
        .end()
    const answer = await ask(`http://${host.toUpperCase()}/orders/1`, `Host: ${host}\r\n${given}`)
    const next = `http://${host}/orders/2?a=b#c`
    expect(answer).toContain(`\r\nlocation: ${next}\r\n`)
    expect(answer).toContain(`\r\nlink: <${next}>; rel="next", <https://evil.example/x>; rel="x"\r\n`)
    expect(answer).toContain(`\r\ncontent-location: http://${host}/beside\r\n`)
  })
})

describe('a browser', () => {
  it.each(['Origin: https://evil.example', 'Sec-Fetch-Site: cross-site'])(
    'is refused in this form too: %s',
    async (line) => {
      const host = await start()
      const answer = await ask(`http://${host}/orders/1`, `Host: ${host}\r\n${given}${line}\r\n`)
      expect([statusOf(answer), codeOf(answer)]).toEqual([403, 'origin_refused'])
      expect(world.seen).toEqual([])
    },
  )

  it('gains nothing for the origin form: Host is still one of ours there', async () => {
    const host = await start()
    const answer = await ask('/downstream/orders/orders/1', `Host: ${host}\r\n${given}`)
    expect([statusOf(answer), codeOf(answer)]).toEqual([421, 'host_refused'])
  })
})
