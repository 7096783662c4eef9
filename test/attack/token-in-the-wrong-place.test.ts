import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, token, type World } from '../egress/world.ts'

/** A06 and A07: a token is read in one place only, and goes nowhere from there. */
let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const path = '/downstream/orders/orders/1'

describe('a token in the wrong place', () => {
  it.each([
    ['in the query', `${path}?access_token=${token}`],
    ['in the query under an encoded name', `${path}?access%5ftoken=x`],
    ['in the query under a name of its own', `${path}?t=${token}`],
    ['in the path', `/downstream/orders/orders/${token}`],
  ])('is refused %s, though the header is right', async (_where, url) => {
    const answer = await world.ask(url)
    expect(answer.status).toBe(400)
    expect(answer.json().code).toBe('token_ambiguous')
    expect(world.seen).toEqual([])
  })

  it('is not read from the query, a cookie or another header', async () => {
    for (const headers of [
      { Cookie: `token=${token}` },
      { 'X-Auth-Token': token },
      { 'Proxy-Authorization': `Bearer ${token}` },
    ]) {
      expect((await world.ask(path, { token: false, headers })).json().code).toBe('token_missing')
    }
    expect((await world.ask(`${path}?access_token=${token}`, { token: false })).status).toBe(400)
    expect(world.seen).toEqual([])
  })

  it.each([
    ['two headers', ['Authorization', `Bearer ${token}`, 'authorization', `Bearer ${token}`], 400],
    ['a list', ['Authorization', `Bearer ${token}, Bearer other`], 400],
    ['two words', ['Authorization', `Bearer ${token} other`], 400],
    ['another scheme', ['Authorization', `Basic ${token}`], 401],
    ['no token', ['Authorization', 'Bearer '], 401],
    ['no scheme', ['Authorization', token], 401],
    ['a quoted token', ['Authorization', `Bearer "${token}"`], 401],
  ])('is refused as %s: never does the first win', async (_what, headers, status) => {
    const answer = await world.ask(path, { token: false, headers })
    expect(answer.status).toBe(status)
    expect(world.seen).toEqual([])
  })

  it('is refused when it is 64 KB long, by the parser', async () => {
    expect(
      await world.raw(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${'a'.repeat(65_536)}\r\n\r\n`,
      ),
    ).toMatch(/^HTTP\/1\.1 431 /)
    expect(world.seen).toEqual([])
  })

  it('does not get out in a header that the caller makes of it', async () => {
    for (const headers of [
      { 'X-Debug': token },
      { 'X-Debug': `v=${token};` },
      { Referer: `http://x/?t=${token}` },
    ]) {
      expect((await world.ask(path, { headers })).json().code).toBe('token_ambiguous')
    }
    expect(world.seen).toEqual([])
  })

  it('is taken with the scheme in any case (RFC 9110 §11.1)', async () => {
    const answer = await world.ask(path, { token: false, headers: ['Authorization', `bEARER ${token}`] })
    expect(answer.status).toBe(200)
  })
})
