import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Placement } from '../../src/model/index.ts'
import { canary, startWorld, token, type World } from '../egress/world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const restart = async (placement: Placement) => {
  await world.close()
  world = await startWorld({ placement })
}
const send = (lines: readonly string[], method = 'POST', body = '{}') =>
  world.raw(
    `${method} /downstream/orders/${method === 'POST' ? 'orders' : 'orders/1'} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
      `Authorization: Bearer ${token}\r\n${lines.map((line) => `${line}\r\n`).join('')}` +
      (method === 'POST'
        ? `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
        : '\r\n'),
  )
const values = (name: string) => {
  const raw = world.seen.at(-1)!.rawHeaders
  return raw.filter((_, at) => at % 2 === 1 && raw[at - 1]!.toLowerCase().replaceAll('_', '-') === name)
}

/** What would be a credential, an identity or a place of the caller’s own. */
const own = [
  'Cookie',
  'Cookie2',
  'Proxy-Authorization',
  'X-Api-Key',
  'Api-Key',
  'ApiKey',
  'X-Auth-Token',
  'X-Access-Token',
  'X-Amz-Security-Token',
  'DPoP',
  'Sallyport-Capability',
  'Sallyport-Anything',
  'Forwarded',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-User',
  'X-Forwarded-Access-Token',
  'X-Real-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'CF-Connecting-IP',
  'True-Client-IP',
  'Remote-User',
  'X-Remote-User',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Original-Host',
  'X-Host',
]
const spellings = (name: string) => [
  name,
  name.toLowerCase(),
  name.toUpperCase(),
  name.replaceAll('-', '_'),
  name.replace('-', '_'),
]

describe('A47 caller override: the injected credential stands alone', () => {
  it.each(own)('strips what the caller would put beside it, in every spelling: %s', async (name) => {
    for (const spelled of spellings(name)) {
      expect(await send([`${spelled}: mine`, 'X-Kept: yes'])).toMatch(/^HTTP\/1\.1 200 /)
      expect(world.seen.at(-1)!.rawHeaders.join('\n')).not.toMatch(/mine/)
      expect(values('authorization')).toEqual([`Bearer ${canary}`])
      expect(values('x-kept')).toEqual(['yes'])
    }
  })

  it.each(['Authorization', 'authorization', 'AUTHORIZATION'])(
    'refuses a second %s: there is none to be merged with',
    async (name) => {
      for (const value of ['Bearer mine', 'Basic bWluZTptaW5l', '', `Bearer ${token}`])
        expect(await send([`${name}: ${value}`])).toMatch(/^HTTP\/1\.1 400 /)
      expect(await send([`Authorization: Bearer ${token}, Basic bWluZTptaW5l`])).toMatch(/^HTTP\/1\.1 400 /)
      expect(world.seen).toEqual([])
    },
  )

  it.each([
    ['Authorization', { kind: 'bearer' }],
    ['X-Internal-Key', { kind: 'header', name: 'X-Internal-Key' }],
    ['x-internal-key', { kind: 'header', name: 'x-internal-key', prefix: 'Key ' }],
    ['X_Internal_Key', { kind: 'header', name: 'X_Internal_Key' }],
    ['Private-Token', { kind: 'header', name: 'Private-Token' }],
    ['Cookie', { kind: 'header', name: 'Cookie', prefix: 'session=' }],
    ['X-Api-Key', { kind: 'header', name: 'X-Api-Key' }],
  ] as const)(
    'is the only %s there is, and no list, whatever the caller sends by that name',
    async (name, placement) => {
      await restart(placement)
      const comparable = name.toLowerCase().replaceAll('_', '-')
      const lines = spellings(name).flatMap((spelled) =>
        comparable === 'authorization' && !spelled.includes('_') && spelled.toLowerCase() === 'authorization'
          ? []
          : [`${spelled}: mine`, `${spelled}: ${canary}`],
      )
      expect(await send(lines)).toMatch(/^HTTP\/1\.1 200 /)
      const prefix = placement.kind === 'bearer' ? 'Bearer ' : 'prefix' in placement ? placement.prefix : ''
      expect(values(comparable)).toEqual([`${prefix}${canary}`])
      if (comparable !== 'authorization') expect(values('authorization')).toEqual([])
      expect(world.seen.at(-1)!.rawHeaders.join('\n')).not.toContain(token)
    },
  )

  it.each([
    'authorization',
    'Authorization, close',
    'keep-alive, authorization, x-internal-key, host, content-length',
    'x_internal_key, X-INTERNAL-KEY',
  ])('survives what the caller says of the connection: %s', async (connection) => {
    for (const placement of [{ kind: 'bearer' }, { kind: 'header', name: 'X-Internal-Key' }] as const) {
      await restart(placement)
      expect(await send([`Connection: ${connection}`])).toMatch(/^HTTP\/1\.1 200 /)
      expect(values(placement.kind === 'bearer' ? 'authorization' : 'x-internal-key')).toHaveLength(1)
      expect(values('content-length')).toEqual(['2'])
      expect(values('host')).toEqual([new URL(world.origin).host])
    }
  })

  it('comes from no trailer, and no trailer comes beside it', async () => {
    const answer = await world.raw(
      `POST /downstream/orders/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n` +
        'Content-Type: application/json\r\nTrailer: Authorization\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '2\r\n{}\r\n0\r\nAuthorization: Bearer mine\r\nX-Api-Key: mine\r\n\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(world.seen.at(-1)!.rawHeaders.join('\n')).not.toMatch(/mine|trailer/i)
    expect(values('authorization')).toEqual([`Bearer ${canary}`])
  })

  it.each(['access_token=mine', 'ACCESS_TOKEN=mine', 'a=b&access%5Ftoken=mine', 'a;access_token=mine'])(
    'has none beside it in the query (RFC 6750 §2.3): %s',
    async (query) => {
      expect((await world.ask(`/downstream/orders/orders/1?${query}`)).status).toBe(400)
      expect(world.seen).toEqual([])
    },
  )

  it('does not carry the caller’s own token along, under any name', async () => {
    for (const line of [`X-Token: ${token}`, `X-Token: x${token}x`, `Referer: https://a.example/?t=${token}`])
      expect(await send([line], 'GET')).toMatch(/^HTTP\/1\.1 400 /)
    expect((await world.ask(`/downstream/orders/orders/1?t=${token}`)).status).toBe(400)
    expect((await world.ask(`/downstream/orders/files/${token}`)).status).toBe(400)
    expect(world.seen).toEqual([])
  })
})
