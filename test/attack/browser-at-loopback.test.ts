import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, token, type World } from '../egress/world.ts'

/** A52: a page in a browser on the same machine, with DNS rebinding or without. */
let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const path = '/downstream/orders/orders/1'

describe('a browser', () => {
  it('is refused by its rebound Host before the token is looked at', async () => {
    const answer = await world.raw(
      `GET ${path} HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer nonsense\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 421 /)
    expect(answer).toContain('host_refused')
  })

  it.each(['https://evil.example', 'null', 'http://127.0.0.1', 'http://localhost:3000'])(
    'is refused by Origin: %s, with a right token or without',
    async (origin) => {
      for (const it of [token, false] as const) {
        const answer = await world.ask(path, { token: it, headers: { Origin: origin } })
        expect(answer.status).toBe(403)
        expect(answer.json().code).toBe('origin_refused')
        expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
      }
      expect(world.seen).toEqual([])
    },
  )

  it('is refused where it sends no Origin (no-cors) but says where it comes from', async () => {
    const answer = await world.ask(path, { token: false, headers: { 'Sec-Fetch-Site': 'cross-site' } })
    expect(answer.status).toBe(403)
  })

  it('gets no answer to a preflight', async () => {
    const answer = await world.ask(path, {
      method: 'OPTIONS',
      token: false,
      headers: { Origin: 'https://evil.example' },
    })
    expect(answer.status).toBe(403)
  })

  it('is refused a form post of text/plain and a WebSocket', async () => {
    const post = await world.ask('/downstream/orders/orders', {
      method: 'POST',
      token: false,
      body: '{"a":1}',
      headers: { Origin: 'https://evil.example', 'Content-Type': 'text/plain' },
    })
    expect(post.status).toBe(403)
    const socket = await world.raw(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    )
    expect(socket).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('is served where its origin is listed, and by no other', async () => {
    await world.close()
    world = await startWorld({ origins: ['https://console.example'] })
    expect((await world.ask(path, { headers: { Origin: 'https://console.example' } })).status).toBe(200)
    expect((await world.ask(path, { headers: { Origin: 'https://console.example.evil' } })).status).toBe(403)
  })
})
