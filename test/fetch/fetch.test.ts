import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSallyport, type SallyportOptions } from '../../src/fetch.ts'
import { listen, startWorld, stop, token, type World } from '../egress/world.ts'

const subject = 'subject-token-of-alice'

let world: World
/** The egress with a token endpoint beside it, as the process has it on one port. */
let front: Server
let egress: string
let evil: Server
let evilAt: string
let evilSaw: string[]
let minted: { headers: IncomingMessage['headers']; form: URLSearchParams }[]
let mint: (res: ServerResponse) => void
let listed: number

beforeEach(async () => {
  world = await startWorld()
  minted = []
  listed = 0
  evilSaw = []
  mint = (res) => res.end(JSON.stringify({ access_token: token, expires_in: 300, token_type: 'Bearer' }))
  front = createServer((req, res) => {
    if (req.url === '/downstreams') listed += 1
    if (req.url !== '/oauth2/token') {
      world.egress.handle(req, res)
      return
    }
    let body = ''
    req.on('data', (chunk: Buffer) => (body += String(chunk)))
    req.on('end', () => {
      minted.push({ headers: req.headers, form: new URLSearchParams(body) })
      res.setHeader('content-type', 'application/json')
      mint(res)
    })
  })
  egress = `http://127.0.0.1:${await listen(front)}`
  evil = createServer((req, res) => {
    evilSaw.push(JSON.stringify([req.url, req.headers]))
    res.end('evil')
  })
  evilAt = `http://127.0.0.1:${await listen(evil)}`
})
afterEach(async () => {
  front.closeAllConnections()
  evil.closeAllConnections()
  await Promise.all([world.close(), stop(front), stop(evil)])
})

const make = (more: Partial<SallyportOptions> = {}) =>
  createSallyport({ egress, capability: 'cap\n', ...more })

describe('what it refuses', () => {
  it('throws for a URL that is no downstream, and sends it nothing', async () => {
    const fetch = make().session(subject)
    await expect(fetch(`${evilAt}/x`)).rejects.toMatchObject({ code: 'downstream_unknown' })
    await expect(fetch(`${world.origin}.evil.example/x`)).rejects.toThrow()
    expect(evilSaw).toEqual([])
  })

  it('lets such a URL pass with `passthrough`, without any token', async () => {
    const fetch = make({ passthrough: true }).session(subject)
    expect(await (await fetch(`${evilAt}/x`, { headers: { 'x-a': '1' } })).text()).toBe('evil')
    expect(evilSaw).toHaveLength(1)
    expect(evilSaw[0]).toContain('"x-a":"1"')
    expect(evilSaw[0]).not.toMatch(/authorization|capability|eyJ0|subject-token/)
  })

  it('needs a capability, unless the token is shown as it is', () => {
    expect(() => createSallyport({ egress })).toThrow(TypeError)
  })

  it('throws what the token endpoint said, by code, and asks again the next time', async () => {
    mint = (res) =>
      res
        .writeHead(400)
        .end(
          '{"error":"invalid_request","error_description":"The token has expired.","code":"token_expired"}',
        )
    const fetch = make().session(subject)
    await expect(fetch(`${world.origin}/orders/1`)).rejects.toMatchObject({
      name: 'SallyportFetchError',
      code: 'token_expired',
      status: 400,
      message: 'The token has expired.',
    })
    await expect(fetch(`${world.origin}/orders/1`)).rejects.toThrow()
    expect(minted).toHaveLength(2)
  })

  it('imports nothing', () => {
    expect(readFileSync(new URL('../../src/fetch.ts', import.meta.url), 'utf8')).not.toMatch(
      /^\s*(import|export .* from)\b|require\(/m,
    )
  })
})

describe('a call', () => {
  it('with a real URL goes through the egress with a session token, which was asked for once', async () => {
    const fetch = make().session(subject)
    for (const _ of [1, 2, 3]) {
      const response = await fetch(`${world.origin}/orders/1?full=yes`, {
        headers: { authorization: 'Bearer mine' },
      })
      expect(await response.json()).toEqual({ ok: true })
    }
    expect(world.seen.map((it) => it.url)).toEqual([
      '/orders/1?full=yes',
      '/orders/1?full=yes',
      '/orders/1?full=yes',
    ])
    expect(minted).toHaveLength(1)
    expect(listed).toBe(1)
    expect(minted[0]!.headers['sallyport-capability']).toBe('cap')
    expect(Object.fromEntries(minted[0]!.form)).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subject,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    })
  })

  it('asks for the audiences that are named, with a capability that is read each time', async () => {
    let read = 0
    const sallyport = make({ audience: ['orders'], capability: () => Promise.resolve(`cap${++read}`) })
    await sallyport.session('a')(`${world.origin}/orders/1`)
    await sallyport.session('b')(`${world.origin}/orders/1`)
    expect(minted.map((it) => [it.form.getAll('audience'), it.headers['sallyport-capability']])).toEqual([
      [['orders'], 'cap1'],
      [['orders'], 'cap2'],
    ])
  })

  it('exchanges once for calls at the same time, and apart for two persons', async () => {
    const sallyport = make()
    const one = sallyport.session(subject)
    await Promise.all([
      one(`${world.origin}/orders/1`),
      one(`${world.origin}/orders/2`),
      sallyport.session('bob')(`${world.origin}/orders/3`),
    ])
    expect(minted.map((it) => it.form.get('subject_token')).sort()).toEqual(['bob', subject])
  })

  it('takes a Request, a URL and a streamed body', async () => {
    const fetch = make().session(subject)
    const bodies: string[] = []
    world.answer = (req, res) => {
      let body = ''
      req.on('data', (chunk: Buffer) => (body += String(chunk)))
      req.on('end', () => {
        bodies.push(body)
        res.end()
      })
    }
    await fetch(new Request(`${world.origin}/orders`, { method: 'POST', body: '{"n":1}' }))
    const stream = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode('streamed'))
        controller.close()
      },
    })
    await fetch(new URL(`${world.origin}/uploads/1`), { method: 'PUT', body: stream })
    expect(bodies).toEqual(['{"n":1}', 'streamed'])
  })

  it('streams the answer', async () => {
    let push = (_text: string) => undefined as unknown
    world.answer = (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      push = (text) => res.write(text)
    }
    const response = await make().session(subject)(`${world.origin}/orders/1`)
    const reader = response.body!.getReader()
    push('data: 1\n\n')
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n')
    await reader.cancel()
  })

  it('uses the longest base path that fits', async () => {
    const asked: string[] = []
    const stub: typeof fetch = async (input) => {
      asked.push(input as string)
      if ((input as string).endsWith('/downstreams')) {
        return Response.json({
          downstreams: [
            { name: 'wide', url: 'https://api.example' },
            { name: 'narrow', url: 'https://api.example/v2/orders' },
          ],
        })
      }
      return Response.json({ access_token: 't', expires_in: 300 })
    }
    const through = make({ fetch: stub }).session(subject)
    await through('https://api.example/v2/orders/1')
    await through('https://api.example/v2/orders')
    await through('https://api.example/v2/ordersx?a=b#c')
    expect(asked.slice(2)).toEqual([
      `${egress}/downstream/narrow/1`,
      `${egress}/downstream/narrow`,
      `${egress}/downstream/wide/v2/ordersx?a=b`,
    ])
  })
})

describe('the end of a session token', () => {
  it('is seen coming: a new one is asked for shortly before', async () => {
    mint = (res) => res.end(JSON.stringify({ access_token: token, expires_in: 0.01 }))
    const fetch = make().session(subject)
    await fetch(`${world.origin}/orders/1`)
    await new Promise((done) => setTimeout(done, 20))
    await fetch(`${world.origin}/orders/1`)
    expect(minted.length).toBeGreaterThanOrEqual(2)
  })

  const answering = (codes: string[]) => {
    const stub: typeof fetch = async (input, init) => {
      if (!(input as string).includes('/downstream/')) return globalThis.fetch(input, init)
      const code = codes.shift()
      if (code === undefined) return new Response('fine')
      return Response.json({ code }, { status: 401, headers: { 'content-type': 'application/problem+json' } })
    }
    return stub
  }

  it('is met with one new token and one more try', async () => {
    const fetch = make({ fetch: answering(['token_expired']) }).session(subject)
    expect(await (await fetch(`${world.origin}/orders`, { method: 'POST', body: '{}' })).text()).toBe('fine')
    expect(minted).toHaveLength(2)
    const twice = make({ fetch: answering(['token_expired', 'token_expired']) }).session(subject)
    expect((await twice(`${world.origin}/orders/1`)).status).toBe(401)
  })

  it('is not met with anything where access was revoked, or the body is gone', async () => {
    const revoked = make({ fetch: answering(['cut']) }).session(subject)
    expect((await revoked(`${world.origin}/orders/1`)).status).toBe(401)
    expect(minted).toHaveLength(1)
    const streamed = make({ fetch: answering(['token_expired']) }).session(subject)
    const body = new Response('x').body!
    expect((await streamed(`${world.origin}/uploads/1`, { method: 'PUT', body })).status).toBe(401)
    expect(minted).toHaveLength(2)
  })
})

describe('the token', () => {
  it('is shown as it is with accept: subject-token', async () => {
    const fetch = make({ accept: 'subject-token' }).session(token)
    expect((await fetch(`${world.origin}/orders/1`)).status).toBe(200)
    expect(minted).toEqual([])
  })

  it.each([301, 302, 307])('stays at the egress when a downstream redirects away (%d)', async (status) => {
    world.answer = (_req, res) => res.writeHead(status, { location: `${evilAt}/stolen` }).end()
    const fetch = make().session(subject)
    const response = await fetch(`${world.origin}/orders/1`, { redirect: 'follow' })
    expect(response.status).toBe(status)
    expect(evilSaw).toEqual([])
    await expect(fetch(response.headers.get('location')!)).rejects.toMatchObject({
      code: 'downstream_unknown',
    })
    expect(evilSaw).toEqual([])
  })

  it('follows absolute Link and Location back through the egress, and no further', async () => {
    world.answer = (_req, res) =>
      res.writeHead(200, { link: `<${world.origin}/orders/2>; rel="next", <${evilAt}/x>; rel="evil"` }).end()
    const fetch = make().session(subject)
    const first = await fetch(`${world.origin}/orders/1`)
    const [, next, evilLink] = /<([^>]+)>; rel="next", <([^>]+)>/.exec(first.headers.get('link')!)!
    expect(next).toBe(`${egress}/downstream/orders/orders/2`)
    expect((await fetch(next!)).status).toBe(200)
    expect(world.seen.map((it) => it.url)).toEqual(['/orders/1', '/orders/2'])
    await expect(fetch(evilLink!)).rejects.toThrow()
    expect(evilSaw).toEqual([])
  })

  it('does not go to a URL that only looks like the egress', async () => {
    const fetch = make({ passthrough: true }).session(subject)
    const lookalike = `${evilAt}/downstream/orders/1`
    await fetch(lookalike)
    await fetch(
      `http://127.0.0.1:${new URL(egress).port}@127.0.0.1:${new URL(evilAt).port}/downstream/x`,
    ).catch(() => undefined)
    expect(evilSaw.join()).not.toMatch(/eyJ0|subject-token|bearer/i)
  })
})
