import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, token, type World } from '../egress/world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld({ basePath: '/api' })
})
afterEach(() => world.close())

const request = (target: string, method = 'GET') =>
  world.raw(
    `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
  )
const utf8 = (text: string) => Buffer.from(text).toString('latin1')

/** Each may be read as another path by somebody on the way. */
const ambiguous: Readonly<Record<string, string>> = {
  'encoded slashes': '/downstream/orders/files/..%2f..%2fdownstream/other/x',
  'encoded slashes in capitals': '/downstream/orders/files/..%2F..%2Fadmin',
  'dot segments': '/downstream/orders/files/../../admin',
  'a dot segment that stays inside': '/downstream/orders/files/a/../b',
  'a single dot': '/downstream/orders/files/./x',
  'a dot segment at the end': '/downstream/orders/files/..',
  'encoded dots': '/downstream/orders/files/%2e%2e/%2e%2e/admin',
  'a dot and an encoded dot': '/downstream/orders/files/.%2E/admin',
  'dots and parameters': '/downstream/orders/files/..;/admin',
  'a parameter': '/downstream/orders/files/x;jsessionid=1',
  'a parameter alone': '/downstream/orders/files/;x/admin',
  'an encoded semicolon': '/downstream/orders/files/..%3b/admin',
  'an empty segment': '/downstream/orders/files//x',
  'a host after two slashes': '/downstream/orders//evil.example/x',
  'three slashes': '/downstream/orders///x',
  backslashes: '/downstream/orders/files\\..\\x',
  'a backslash first': '/downstream/orders/\\evil.example/x',
  'encoded backslashes': '/downstream/orders/files/%5c..%5cx',
  'a NUL': '/downstream/orders/files/%00',
  'a NUL before an ending': '/downstream/orders/files/x%00.png',
  'an encoded tab': '/downstream/orders/files/x%09',
  'an encoded line break': '/downstream/orders/files/x%0d%0aHost:evil',
  'a delete': '/downstream/orders/files/%7f',
  'a next line of C1': '/downstream/orders/files/%c2%85',
  'a line separator': '/downstream/orders/files/%e2%80%a8',
  'over-long dots in two bytes': '/downstream/orders/files/%c0%ae%c0%ae/x',
  'over-long dots in three bytes': '/downstream/orders/files/%e0%80%ae%e0%80%ae/x',
  'over-long slashes': '/downstream/orders/files/..%c0%af..%c0%afx',
  'over-long slashes of a loose decoder': '/downstream/orders/files/..%c1%9c..%c1%9cx',
  'a surrogate half': '/downstream/orders/files/%ed%a0%80',
  'a byte that is not UTF-8': '/downstream/orders/files/%ff',
  'full-width dots': '/downstream/orders/files/%ef%bc%8e%ef%bc%8e/x',
  'a full-width slash': '/downstream/orders/files/..%ef%bc%8f..%ef%bc%8fx',
  'a full-width backslash': '/downstream/orders/files/..%ef%bc%bc..',
  'a full-width percent sign': '/downstream/orders/files/%ef%bc%852e',
  'a full-width semicolon': '/downstream/orders/files/x%ef%bc%9by',
  'a two-dot leader': '/downstream/orders/files/%e2%80%a5/x',
  'one-dot leaders': '/downstream/orders/files/%e2%80%a4%e2%80%a4/x',
  'a fraction slash': '/downstream/orders/files/..%e2%81%84..%e2%81%84x',
  'a division slash': '/downstream/orders/files/..%e2%88%95..%e2%88%95x',
  'a big solidus': '/downstream/orders/files/..%e2%a7%b8x',
  'a set minus': '/downstream/orders/files/..%e2%88%96x',
  'double encoding': '/downstream/orders/files/%252e%252e/x',
  'double encoding of a slash': '/downstream/orders/files/..%252f..%252fx',
  'triple encoding': '/downstream/orders/files/%25252e%25252e/x',
  'an encoding of IIS': '/downstream/orders/files/%u002e%u002e/x',
  'a half escape': '/downstream/orders/files/%2',
  'an escape that is none': '/downstream/orders/files/%zz',
  'a percent sign': '/downstream/orders/files/100%',
  'raw bytes': utf8('/downstream/orders/files/é'),
  'raw full-width dots': utf8('/downstream/orders/files/．．/x'),
  'a fragment': '/downstream/orders/files/a#b',
  'an encoded query': '/downstream/orders/files/a%3fb/../c',
  'a quote': '/downstream/orders/files/"x"',
  'angle brackets': '/downstream/orders/files/<x>',
  'a pipe': '/downstream/orders/files/a|b',
  'a caret': '/downstream/orders/files/a^b',
  braces: '/downstream/orders/files/{x}',
  'dots for a name': '/downstream/../orders/1',
  'encoded dots for a name': '/downstream/%2e%2e/orders/1',
  'an encoded slash in a name': '/downstream/orders%2f../x',
  'an encoded name': '/downstream/%6frders/orders/1',
  'a user before a name': '/downstream/x@orders/orders/1',
  'no name': '/downstream//orders/1',
}

describe('A40 target escape: the origin is the connection’s, and a path has one reading or none', () => {
  it.each(Object.entries(ambiguous))('answers 400 and sends nothing: %s', async (_what, target) => {
    const answer = await request(target)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(world.seen).toEqual([])
    expect(world.records.filter(({ kind }) => kind === 'intent')).toEqual([])
  })

  it.each([
    ['/downstream/orders/files/@evil.example', '/api/files/@evil.example'],
    ['/downstream/orders/files/x@evil.example:80', '/api/files/x@evil.example:80'],
    ['/downstream/orders/files/http:evil.example', '/api/files/http:evil.example'],
    ['/downstream/orders/files/...', '/api/files/...'],
    ['/downstream/orders/files/.hidden', '/api/files/.hidden'],
    ['/downstream/orders/files/%41%2D%7e', '/api/files/A-~'],
    ['/downstream/orders/files/%c3%a9%2b%2B', '/api/files/%C3%A9%2B%2B'],
    [
      '/downstream/orders/files/a?u=http://evil.example/../%2e%2e/\\x',
      '/api/files/a?u=http://evil.example/../%2e%2e/\\x',
    ],
  ])('sends what it matched, to the configured origin and no other: %s', async (target, sent) => {
    await request(target)
    expect(world.seen.map((it) => [it.headers.host, it.url])).toEqual([[new URL(world.origin).host, sent]])
    const [intent] = world.records
    expect(`/api${intent?.path}`).toBe(sent.split('?')[0])
  })

  it.each([
    ['/downstream/orders/%61dmin', 'GET'],
    ['/downstream/orders/admin', 'GET'],
    ['/downstream/orders', 'GET'],
    ['/downstream/orders/', 'GET'],
    ['/downstream/orders/orders/1/', 'GET'],
    ['/downstream/orders/ORDERS/1', 'GET'],
    ['/downstream/orders/orders/1', 'PUT'],
    ['/downstream/orders/orders/1', 'PATCH'],
    ['/downstream/orders/orders/1', 'DELETE'],
  ])(
    'judges by what would be sent, and denies what is no listed operation: %s %s',
    async (target, method) => {
      expect(await request(target, method)).toMatch(/^HTTP\/1\.1 403 /)
      expect(world.seen).toEqual([])
    },
  )

  it.each([
    '/downstreams/orders/orders/1',
    '/Downstream/orders/orders/1',
    '/orders/1',
    '//downstream/orders/orders/1',
  ])('knows no other place: %s', async (target) => {
    expect(await request(target)).toMatch(/^HTTP\/1\.1 404 /)
    expect(world.seen).toEqual([])
  })

  it('knows no other downstream than those configured, however it is called', async () => {
    for (const name of ['other', 'ORDERS', 'orders.', 'orders.evil.example', '127.0.0.1', 'orders-'])
      expect(await request(`/downstream/${name}/orders/1`)).toMatch(/^HTTP\/1\.1 40[34] /)
    expect(world.seen).toEqual([])
  })
})
