import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canary, listen, startWorld, stop, type World } from '../egress/world.ts'

/** A43 and A48: a redirect is the caller's to follow, and it carries nothing. */
let world: World
let evil: Server
let stolen: string[]
let evilAt: string
beforeEach(async () => {
  world = await startWorld()
  stolen = []
  evil = createServer((req, res) => {
    stolen.push(JSON.stringify(req.headers))
    res.end()
  })
  evilAt = `http://127.0.0.1:${await listen(evil)}`
})
afterEach(async () => {
  await world.close()
  await stop(evil)
})

describe('a downstream that redirects', () => {
  it.each([301, 302, 303, 307, 308])('is not followed (%d), with a body or without', async (status) => {
    for (const location of [`${evilAt}/x`, `http://user:pw@${new URL(evilAt).host}/`, '//evil.example/x']) {
      world.answer = (req, res) => {
        req.resume()
        res.writeHead(status, { location }).end()
      }
      const got = await world.ask('/downstream/orders/orders/1')
      expect([got.status, got.headers.location]).toEqual([status, location])
      const posted = await world.ask('/downstream/orders/orders', { method: 'POST', body: '{}' })
      expect(posted.status).toBe(status)
    }
    expect(stolen).toEqual([])
  })

  it('to itself is brought back to the egress', async () => {
    world.answer = (_req, res) =>
      res
        .writeHead(201, {
          location: `${world.origin}/orders/2?a=b`,
          'content-location': '/orders/2',
          link: `<${world.origin}/orders?page=2>; rel="next"`,
        })
        .end()
    const { headers } = await world.ask('/downstream/orders/orders/1')
    expect(headers.location).toBe(`${world.url}/downstream/orders/orders/2?a=b`)
    expect(headers['content-location']).toBe(`${world.url}/downstream/orders/orders/2`)
    expect(headers['link']).toBe(`<${world.url}/downstream/orders/orders?page=2>; rel="next"`)
  })
})

describe('what a downstream says to its client', () => {
  it('about cookies, challenges and the connection stays with us', async () => {
    world.answer = (_req, res) =>
      res
        .writeHead(200, {
          'set-cookie': ['session=1', 'b=2'],
          'www-authenticate': 'Bearer realm="inner"',
          'authentication-info': 'nextnonce="x"',
          'proxy-authenticate': 'Basic',
          'access-control-allow-origin': '*',
          'alt-svc': 'h3="evil.example:443"',
          'strict-transport-security': 'max-age=1',
          'x-named': 'hop',
          connection: 'close, x-named',
          'x-kept': 'yes',
          vary: 'accept',
        })
        .end('fine')
    const { headers, body } = await world.ask('/downstream/orders/orders/1')
    expect(body).toBe('fine')
    for (const name of [
      'set-cookie',
      'www-authenticate',
      'authentication-info',
      'proxy-authenticate',
      'access-control-allow-origin',
      'alt-svc',
      'strict-transport-security',
      'x-named',
    ]) {
      expect(headers[name]).toBeUndefined()
    }
    expect(headers).toMatchObject({ 'x-kept': 'yes', vary: 'accept' })
    expect(JSON.stringify(headers)).not.toContain(canary)
  })
})
