import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, token, type World } from '../egress/world.ts'

/** A40 and A41: what is matched is what is sent, and it goes to the configured origin only. */
let world: World
beforeEach(async () => {
  world = await startWorld({ basePath: '/api' })
})
afterEach(() => world.close())

const request = (target: string, more = 'Host: 127.0.0.1\r\n', method = 'GET') =>
  world.raw(
    `${method} ${target} HTTP/1.1\r\n${more}Authorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
  )

describe('a target that tries to get out', () => {
  it.each([
    '/downstream/orders/files/..%2f..%2fadmin',
    '/downstream/orders/files/../../admin',
    '/downstream/orders/files/%2e%2e/%2e%2e/admin',
    '/downstream/orders/files/..;/admin',
    '/downstream/orders/files/;x/admin',
    '/downstream/orders//evil.example/x',
    '/downstream/orders/files//x',
    '/downstream/orders/files\\..\\x',
    '/downstream/orders/files/%5c..%5cx',
    '/downstream/orders/files/%00',
    '/downstream/orders/files/%c0%ae%c0%ae/x',
    '/downstream/orders/files/%ef%bc%8e%ef%bc%8e/x',
    '/downstream/orders/files/%252e%252e/x',
    '/downstream/orders/files/\xe9',
    '/downstream/orders/files/a#b',
    '/downstream/%2e%2e/orders/1',
    '/downstream/orders%2f../x',
  ])('is refused with 400 and nothing is sent: %j', async (target) => {
    const answer = await request(target)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(world.seen).toEqual([])
  })

  it('is no operation where it only looks strange: an at sign stays in the path', async () => {
    await request('/downstream/orders/files/@evil.example')
    expect(world.seen.map((it) => [it.headers.host, it.url])).toEqual([
      [new URL(world.origin).host, '/api/files/@evil.example'],
    ])
  })

  it.each([
    'http://evil.example/downstream/orders/orders/1',
    'http://127.0.0.1/downstream/orders/orders/1',
    '*',
    'evil.example:443',
  ])('is not taken in another form than the origin form: %s', async (target) => {
    expect(await request(target)).not.toMatch(/^HTTP\/1\.1 200 /)
    expect(world.seen).toEqual([])
  })

  it.each(['CONNECT', 'TRACE'])('is not taken with %s', async (method) => {
    expect(await request('/downstream/orders/orders/1', undefined, method)).not.toMatch(/^HTTP\/1\.1 200 /)
    expect(world.seen).toEqual([])
  })

  it('is not routed by forwarded names, and they do not get out', async () => {
    await request(
      '/downstream/orders/orders/1',
      'Host: 127.0.0.1\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\nX-Original-URL: /admin\r\nX-HTTP-Method-Override: DELETE\r\n',
    )
    expect(world.seen).toHaveLength(1)
    expect(world.seen[0]!.headers.host).toBe(new URL(world.origin).host)
    expect(JSON.stringify(world.seen[0]!.rawHeaders)).not.toMatch(/evil|admin|DELETE/)
  })

  it.each([
    ['two hosts', 'Host: 127.0.0.1\r\nHost: evil.example\r\n'],
    ['no host', ''],
    ['a host that is not ours', 'Host: evil.example\r\n'],
    ['a host that begins like ours', 'Host: 127.0.0.1.evil.example\r\n'],
    ['a user before it', 'Host: a@127.0.0.1\r\n'],
    ['a port that is none', 'Host: 127.0.0.1:80:80\r\n'],
  ])('is refused with %s', async (_what, head) => {
    const answer = await request('/downstream/orders/orders/1', head)
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(world.seen).toEqual([])
  })
})
