import { describe, expect, it } from 'vitest'
import { seconds } from '../../src/model/index.ts'
import { call, json, legacy, modern } from './messages.ts'
import { startWorld, type World } from './world.ts'

const documents = '/.well-known/oauth-protected-resource'
const listing = legacy('tools/list')

/** The parameters of a challenge (RFC 9110 §11.6.1). */
function challenge(text: string | undefined): Record<string, string> {
  expect(text).toMatch(/^Bearer [a-z_]+="[^"]*"(?:, [a-z_]+="[^"]*")*$/)
  return Object.fromEntries(
    [...text!.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  )
}

const foreign = (world: World, audience: string) =>
  world.running.instance.dev!.issue('alice', { audience, ttl: seconds(3000) })

describe('the metadata of a resource', () => {
  it('is one document for each server, which names that server and the issuer, to anybody', async () => {
    const world = await startWorld()
    for (const name of ['a', 'b']) {
      const { status, headers, body } = await world.ask(
        { method: 'GET' },
        { path: `${documents}/${name}/mcp`, token: undefined },
      )
      expect(status).toBe(200)
      expect(headers['access-control-allow-origin']).toBe('*')
      expect(body).toEqual({
        resource: `${world.gateway}/${name}/mcp`,
        authorization_servers: [world.gateway],
        bearer_methods_supported: ['header'],
      })
    }
    for (const path of [documents, `${documents}/c/mcp`, `${documents}/a/mcp/`, `${documents}/a/mcp?x=1`])
      expect([400, 404]).toContain((await world.ask({ method: 'GET' }, { path, token: undefined })).status)
    const posted = await world.ask(
      { method: 'POST', headers: json, body: '{}' },
      { path: `${documents}/a/mcp`, token: undefined },
    )
    expect([posted.status, posted.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
    expect(world.upstream.methods).toEqual([])
  })

  it('of the only server is at the root too, and its endpoint is /mcp', async () => {
    const world = await startWorld({ servers: '\n  only: { url: "{upstream}/mcp", allow: [anyone] }' })
    for (const path of [documents, `${documents}/mcp`]) {
      const { body } = await world.ask({ method: 'GET' }, { path, token: undefined })
      expect(body['resource']).toBe(`${world.gateway}/mcp`)
    }
    expect((await world.ask(listing)).status).toBe(200)
    expect((await world.ask(listing, { path: '/only/mcp' })).status).toBe(404)
  })
})

describe('whoever comes without a good token', () => {
  it('is told 401, with a challenge that leads to the metadata, for whatever reason', async () => {
    const world = await startWorld()
    const old = foreign(world, `${world.gateway}/a/mcp`)
    await world.revoke('user', 'alice')
    const tokens: Record<string, string | undefined> = {
      none: undefined,
      'no token': 'rubbish',
      'for another server': world.token('bob', 'b'),
      'for the origin': foreign(world, world.gateway),
      'for the egress': foreign(world, `${world.gateway}/egress`),
      'cut since': old,
    }
    for (const [reason, token] of Object.entries(tokens)) {
      const { status, headers, body } = await world.ask(listing, { token })
      expect([reason, status]).toEqual([reason, 401])
      const told = challenge(headers['www-authenticate'])
      expect([reason, told['error']]).toEqual([reason, token === undefined ? undefined : 'invalid_token'])
      expect(body['error'].code).toBe(401)
      const { pathname } = new URL(told['resource_metadata']!)
      const document = await world.ask({ method: 'GET' }, { path: pathname, token: undefined })
      expect([document.status, document.body['resource']]).toEqual([200, `${world.gateway}/a/mcp`])
    }
    expect(world.upstream.methods).toEqual([])
  })

  it('is not heard where the token stands in the query, a cookie or the body', async () => {
    const world = await startWorld()
    const good = world.token('alice')
    const query = await world.ask(listing, { token: undefined, path: `/a/mcp?access_token=${good}` })
    expect(query.outcome).toBe('400 400 request_malformed')
    const both = await world.ask(listing, { path: `/a/mcp?access_token=${good}` })
    expect(both.status).toBe(400)
    const cookie = { ...listing, headers: [...listing.headers!, 'Cookie', `access_token=${good}`] }
    expect((await world.ask(cookie, { token: undefined })).status).toBe(401)
    const inBody = legacy('tools/list', { access_token: good, _meta: { authorization: `Bearer ${good}` } })
    expect((await world.ask(inBody, { token: undefined })).status).toBe(401)
    expect(world.upstream.methods).toEqual([])
    expect(world.log.join('')).not.toContain(good.split('.')[2])
  })
})

describe('a page of another origin', () => {
  it('gets 403 at every address, a name that was rebound 421, and what has no origin is served', async () => {
    const world = await startWorld()
    const from = (origin: string) => ({ ...listing, headers: [...listing.headers!, 'Origin', origin] })
    for (const origin of [
      'https://evil.example',
      'null',
      'http://127.0.0.1:1',
      `${world.gateway}.evil.example`,
    ])
      expect((await world.ask(from(origin))).outcome).toBe('403 403 origin_refused')
    const document = { method: 'GET', headers: ['Origin', 'https://evil.example'] }
    expect((await world.ask(document, { path: `${documents}/a/mcp`, token: undefined })).status).toBe(403)
    const rebound = await world.raw(
      `POST /a/mcp HTTP/1.1\r\nHost: evil.example:${world.port}\r\nAuthorization: Bearer ${world.token('alice')}\r\nContent-Length: 2\r\n\r\n{}`,
    )
    expect(rebound).toMatch(/^HTTP\/1\.1 421 /)
    expect(world.upstream.methods).toEqual([])
    expect((await world.ask(from(world.gateway))).status).toBe(200)
    expect((await world.ask(listing)).status).toBe(200)
  })
})

describe('the token of a client', () => {
  it('is in no byte that the server sees, in whatever way it is said again', async () => {
    const world = await startWorld()
    const token = world.token('alice')
    const lines = [
      ...['Proxy-Authorization', `Bearer ${token}`, 'Cookie', `t=${token}`, 'X-Token', token],
      ...['X-Forwarded-Authorization', `Bearer ${token}`, 'Connection', 'keep-alive, authorization'],
    ]
    for (const message of [legacy, modern]) {
      expect((await world.ask(message('tools/list', {}, lines), { token })).status).toBe(200)
      const one = message('tools/call', call('read_order', { id: '1' }), lines)
      expect((await world.ask(one, { token })).status).toBe(200)
    }
    expect((await world.open({ method: 'GET', headers: lines }, { token })).status).toBe(200)
    const bytes = world.upstream.bytes().toString('latin1')
    expect(world.upstream.seen.length).toBe(5)
    const [, claims, signature] = token.split('.')
    for (const text of [token, claims!, signature!])
      for (const said of [
        text,
        Buffer.from(text).toString('base64').slice(0, -4),
        Buffer.from(text).toString('hex'),
      ])
        expect(bytes.includes(said)).toBe(false)
    for (const { token: other, headers } of world.upstream.seen) {
      expect(other).not.toBe('')
      expect(headers).not.toHaveProperty('cookie')
      expect(headers).not.toHaveProperty('x-token')
    }
  })
})
