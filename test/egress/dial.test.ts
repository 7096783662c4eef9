import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDial, type Dial, type DialSlice, type Lookup } from '../../src/egress/index.ts'
import { listen, stop } from './world.ts'

let server: Server
let port: number
let seen: { method: string; url: string; body: string; headers: IncomingMessage['headers'] }[]
let answer: (req: IncomingMessage, res: ServerResponse) => void
let dial: Dial | undefined

beforeEach(async () => {
  seen = []
  answer = (_req, res) => res.end('{"ok":true}')
  server = createServer((req, res) => {
    let body = ''
    req.on('data', (chunk: Buffer) => (body += String(chunk)))
    req.on('end', () => {
      seen.push({ method: req.method!, url: req.url!, body, headers: req.headers })
      answer(req, res)
    })
  })
  port = await listen(server)
})
afterEach(async () => {
  await dial?.close()
  server.closeAllConnections()
  await stop(server)
})

function make(urls: readonly string[], more: Partial<DialSlice> = {}, lookup?: Lookup): Dial {
  dial = createDial(
    {
      origins: urls.map((url) => ({ url })),
      network: { allow: [], deny: [] },
      connectTimeoutMs: 1000,
      headersTimeoutMs: 1000,
      idleTimeoutMs: 1000,
      ...more,
    },
    lookup === undefined ? {} : { lookup },
  )
  return dial
}

const resolving =
  (...answers: string[]): Lookup =>
  (_name, _options, done) =>
    done(
      null,
      answers.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )

const refused = expect.objectContaining({ code: 'address_refused' })

describe('the guarded dialler', () => {
  it('dials no origin that is not listed: not another port, scheme or host', async () => {
    const { fetch, transport } = make([`http://127.0.0.1:${port}`])
    for (const url of [
      'http://127.0.0.1:1/',
      `https://127.0.0.1:${port}/`,
      'http://169.254.169.254/',
      `http://localhost:${port}/`,
    ]) {
      await expect(fetch(url)).rejects.toEqual(refused)
    }
    expect(() => transport('http://127.0.0.1:1')).toThrow(refused)
    expect(seen).toEqual([])
  })

  it('dials no file, data or blob URL and none with a password', async () => {
    const { fetch } = make([`http://127.0.0.1:${port}`])
    for (const url of ['file:///etc/passwd', 'data:,x']) await expect(fetch(url)).rejects.toEqual(refused)
    await expect(fetch(`http://u:p@127.0.0.1:${port}/`)).rejects.toThrow()
    expect(seen).toEqual([])
  })

  it('refuses a name that resolves to loopback, though the name is configured', async () => {
    const { fetch } = make([`http://orders.example:${port}`], {}, resolving('127.0.0.1'))
    await expect(fetch(`http://orders.example:${port}/`)).rejects.toEqual(refused)
    expect(seen).toEqual([])
  })

  it('judges the very addresses that it connects to: a name that flips between two lookups does not get through', async () => {
    let turn = 0
    const flipping: Lookup = (_name, _options, done) => {
      turn += 1
      done(null, [{ address: turn === 1 ? '127.0.0.2' : '127.0.0.1', family: 4 }])
    }
    const network = { allow: ['127.0.0.2/32'], deny: [] }
    const { fetch } = make([`http://orders.example:${port}`], { network }, flipping)
    for (const _ of [1, 2, 3]) await expect(fetch(`http://orders.example:${port}/`)).rejects.toThrow()
    expect(seen).toEqual([])
  })

  it('drops the refused ones among several addresses', async () => {
    const { fetch } = make([`http://localhost:${port}`], {}, resolving('169.254.169.254', '127.0.0.1'))
    expect((await fetch(`http://localhost:${port}/`)).status).toBe(200)
  })

  it('judges a literal address, which is never looked up', async () => {
    const { fetch } = make(['http://169.254.169.254', 'http://[::ffff:127.0.0.1]', 'http://0x7f.1:1'])
    await expect(fetch('http://169.254.169.254/latest/meta-data')).rejects.toEqual(refused)
    await expect(fetch('http://[::ffff:127.0.0.1]/')).rejects.toEqual(refused)
  })

  it('lets trusted metadata add an https origin, to public addresses only', async () => {
    const made = make([`http://127.0.0.1:${port}`], {}, resolving('10.0.0.1'))
    expect(() => made.allowOrigin(`http://127.0.0.2:${port}`)).toThrow(refused)
    expect(() => made.allowOrigin('file:///etc')).toThrow(refused)
    made.allowOrigin('https://tokens.example/oauth2/token')
    await expect(made.fetch('https://tokens.example/oauth2/token')).rejects.toEqual(refused)
  })

  it('lets what runs on this machine name what runs there, and nobody else', async () => {
    const made = make(['https://mcp.example'], {}, resolving('10.0.0.1'))
    const here = `http://127.0.0.1:${port}`
    expect(() => made.allowOrigin(here, 'https://mcp.example')).toThrow(refused)
    expect(() => made.allowOrigin('http://10.0.0.1', here)).toThrow(refused)
    made.allowOrigin('https://tokens.example', here)
    await expect(made.fetch('https://tokens.example/')).rejects.toEqual(refused)
    made.allowOrigin(here, 'http://localhost:1/mcp')
    expect((await made.fetch(here)).status).toBe(200)
  })

  it('follows no redirect, for `redirect: follow` neither', async () => {
    answer = (_req, res) => res.writeHead(302, { location: `http://127.0.0.1:${port}/next` }).end()
    const { fetch } = make([`http://127.0.0.1:${port}`])
    const response = await fetch(`http://127.0.0.1:${port}/`, { redirect: 'follow' })
    expect(response.status).toBe(302)
    expect(seen).toHaveLength(1)
  })

  it('takes no answer larger than the cap, no compressed one, and none that never ends', async () => {
    const { fetch } = make([`http://127.0.0.1:${port}`], { fetchMaxBytes: 1000, fetchTimeoutMs: 300 })
    const url = `http://127.0.0.1:${port}/`
    answer = (_req, res) => res.end(Buffer.alloc(1001))
    await expect(fetch(url)).rejects.toThrow('larger')
    answer = (_req, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end('bomb')
    await expect(fetch(url)).rejects.toThrow('compressed')
    answer = (_req, res) => void res.writeHead(200).write('x')
    await expect(fetch(url)).rejects.toThrow()
    expect(seen[0]!.headers['accept-encoding']).toBe('identity')
  })

  it('does not trust a certificate that no authority vouches for', async () => {
    const { fetch } = make([`https://127.0.0.1:${port}`])
    await expect(fetch(`https://127.0.0.1:${port}/`)).rejects.toThrow()
    expect(seen).toEqual([])
  })

  it('posts forms and JSON, obeys an abort, and gives back status, headers and text', async () => {
    const { fetch } = make([`http://127.0.0.1:${port}/realms/x`])
    const url = `http://127.0.0.1:${port}/token?x=1`
    answer = (_req, res) => res.writeHead(201, { 'x-a': '1', 'set-cookie': ['a=1', 'b=2'] }).end('{"t":1}')
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) })
    expect(response.status).toBe(201)
    const headers = new Headers([...response.headers])
    expect(headers.get('x-a')).toBe('1')
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(JSON.parse(await response.text())).toEqual({ t: 1 })
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/token?x=1', body: 'a=b+c' })
    expect(seen[0]!.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
    await fetch(new URL(url), {
      method: 'PUT',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    })
    expect(seen[1]).toMatchObject({ method: 'PUT', body: '{"a":1}' })
    await expect(fetch(url, { signal: AbortSignal.abort() })).rejects.toThrow()
    answer = (_req, res) => res.writeHead(204).end()
    expect((await fetch(url)).status).toBe(204)
  })

  it('refuses a configured URL that is not http or https', () => {
    expect(() => make(['ftp://orders.example'])).toThrow(refused)
    expect(() => make(['https://user:pw@orders.example'])).toThrow(refused)
  })
})
