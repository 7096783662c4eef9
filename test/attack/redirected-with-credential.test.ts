import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSallyport } from '../../src/fetch.ts'
import { canary, listen, startWorld, stop, token, type World } from '../egress/world.ts'

/** Who waits for a redirected credential, and what he was sent. */
let evil: Server
let evilAt: string
let stolen: string[]
let world: World
beforeEach(async () => {
  world = await startWorld()
  stolen = []
  evil = createServer((req, res) => {
    stolen.push(JSON.stringify([req.url, req.headers]))
    res.end('evil')
  })
  evilAt = `http://127.0.0.1:${await listen(evil)}`
})
afterEach(async () => {
  evil.closeAllConnections()
  await Promise.all([world.close(), stop(evil)])
})

const redirects = [300, 301, 302, 303, 305, 307, 308]
const redirectTo = (status: number, location: string) => {
  world.answer = (req, res) => {
    req.resume()
    req.on('end', () => res.writeHead(status, { location }).end('moved'))
  }
}
const elsewhere = (): Readonly<Record<string, string>> => ({
  'another origin': `${evilAt}/x`,
  'another port': `http://127.0.0.1:${new URL(evilAt).port}/orders/1`,
  'another scheme': world.origin.replace('http:', 'https:'),
  'a user before the host': evilAt.replace('//', '//user:pw@'),
  'the downstream as a user': evilAt.replace('//', `//${new URL(world.origin).host}@`),
  'no scheme': evilAt.slice('http:'.length),
  'a scheme that nobody fetches': 'file:///etc/passwd',
  'a script': 'javascript:alert(1)',
})

describe('A43 redirect: none is followed by us, and none takes the credential along', () => {
  it.each(redirects)('is the caller’s to follow, with a body or without (%d)', async (status) => {
    for (const location of Object.values(elsewhere())) {
      redirectTo(status, location)
      const got = await world.ask('/downstream/orders/orders/1')
      expect([got.status, got.headers.location, got.body]).toEqual([status, location, 'moved'])
      const posted = await world.ask('/downstream/orders/orders', { method: 'POST', body: '{"n":1}' })
      expect([posted.status, posted.headers.location]).toEqual([status, location])
      const streamed = await world.ask('/downstream/orders/uploads/1', {
        method: 'PUT',
        headers: { 'Content-Type': 'application/octet-stream' },
        body: 'streamed'.repeat(10_000),
      })
      expect(streamed.status).toBe(status)
      expect(JSON.stringify([got, posted, streamed])).not.toContain(canary)
    }
    expect(stolen).toEqual([])
    // Once each: a redirect repeats no request either.
    expect(world.seen).toHaveLength(3 * Object.keys(elsewhere()).length)
  })

  it('within the downstream is not followed either, and brings the caller back through the decision', async () => {
    redirectTo(307, '/admin/keys')
    const got = await world.ask('/downstream/orders/orders/1')
    expect(got.headers.location).toBe(`${world.url}/downstream/orders/admin/keys`)
    expect((await world.ask('/downstream/orders/admin/keys')).status).toBe(403)
    expect(world.seen.map(({ url }) => url)).toEqual(['/orders/1'])
  })

  it('to the egress itself leads no caller to another downstream', async () => {
    for (const status of redirects) {
      redirectTo(status, `${world.url}/downstream/bank/transfers`)
      expect((await world.ask('/downstream/orders/orders/1')).headers.location).toBeUndefined()
    }
  })

  it('is not followed with the token by a client that follows: it goes on without', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      redirectTo(status, `${evilAt}/x`)
      const got = await fetch(`${world.url}/downstream/orders/orders/1`, {
        headers: { authorization: `Bearer ${token}` },
      })
      expect(await got.text()).toBe('evil')
    }
    expect(stolen).toHaveLength(5)
    expect(stolen.join()).not.toMatch(new RegExp(`authorization|bearer|${token}|${canary}`, 'i'))
  })

  it('is not followed by sallyport/fetch at all', async () => {
    const fetch = createSallyport({ egress: world.url, accept: 'subject-token' }).session(token)
    for (const status of [301, 302, 303, 307, 308]) {
      redirectTo(status, `${evilAt}/x`)
      expect((await fetch(`${world.origin}/orders/1`, { redirect: 'follow' })).status).toBe(status)
    }
    expect(stolen).toEqual([])
  })
})
