import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, token, type World } from '../egress/world.ts'
import { type Bank, startBank, statusOf } from './bank.ts'
import { openLine } from '../kit/raw.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const path = '/downstream/orders/orders/1'
const corsOf = (headers: object) => Object.keys(headers).filter((name) => name.startsWith('access-control'))
const untouched = () => {
  expect([world.seen, world.records, world.exchange.needs, world.gate.checks]).toEqual([[], [], [], 0])
}

describe('A52 a browser on the same machine: refused before any work, and told nothing of origins', () => {
  it.each([
    'evil.example',
    'evil.example:80',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io',
    'localhost.evil.example',
    'localhost.',
    '127.0.0.1.',
    '127.0.0.2',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0.0.0.0',
    '[::ffff:127.0.0.1]',
    'user@127.0.0.1',
    '127.0.0.1:80:80',
    '127.0.0.1:',
    '127.0.0.1:x',
    '',
  ])('is refused by its rebound Host, right token or wrong: %j', async (host) => {
    for (const bearer of [token, 'nonsense']) {
      const answer = await world.raw(
        `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${bearer}\r\nConnection: close\r\n\r\n`,
      )
      expect(answer).toMatch(/^HTTP\/1\.1 421 .*host_refused/s)
      expect(answer).not.toMatch(/access-control/i)
    }
    untouched()
  })

  it.each([
    'https://evil.example',
    'http://evil.example:80',
    'null',
    'http://127.0.0.1',
    'http://localhost:3000',
    'file://',
    'chrome-extension://abcdefghijklmnop',
    '',
  ])('is refused by its Origin, right token or wrong: %j', async (origin) => {
    for (const bearer of [token, 'nonsense', false] as const) {
      const answer = await world.ask(path, { token: bearer, headers: { Origin: origin } })
      expect([answer.status, answer.json().code, corsOf(answer.headers)]).toEqual([403, 'origin_refused', []])
    }
    untouched()
  })

  it.each(['cross-site', 'same-site', 'x'])(
    'is refused where it sends no Origin (no-cors GET, image, form) but says where it comes from: %s',
    async (site) => {
      for (const mode of ['no-cors', 'navigate', 'cors']) {
        const headers = { 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode }
        expect((await world.ask(path, { headers })).status).toBe(403)
      }
      untouched()
    },
  )

  it('gets nothing from a preflight', async () => {
    for (const more of [{}, { 'Access-Control-Request-Private-Network': 'true' }]) {
      const answer = await world.ask(path, {
        method: 'OPTIONS',
        token: false,
        headers: {
          Origin: 'https://evil.example',
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': 'authorization',
          ...more,
        },
      })
      expect([answer.status, corsOf(answer.headers)]).toEqual([403, []])
    }
    untouched()
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json',
  ])('is refused a simple post of %s', async (type) => {
    for (const bearer of [token, false] as const) {
      const answer = await world.ask('/downstream/orders/orders', {
        method: 'POST',
        token: bearer,
        body: '{"a":1}',
        headers: { Origin: 'https://evil.example', 'Content-Type': type },
      })
      expect(answer.status).toBe(403)
    }
    untouched()
  })

  it('is refused a WebSocket, with an Origin or without', async () => {
    for (const [lines, status] of [
      ['Origin: https://evil.example\r\n', 403],
      ['', 400],
    ] as const) {
      const answer = await world.raw(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${lines}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      )
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    }
    untouched()
  })

  it('is served where its origin is listed, and by no other', async () => {
    await world.close()
    world = await startWorld({ origins: ['https://console.example'] })
    expect((await world.ask(path, { headers: { Origin: 'https://console.example' } })).status).toBe(200)
    for (const origin of [
      'https://console.example.evil',
      'http://console.example',
      'https://console.example:8443',
      'null',
    ])
      expect((await world.ask(path, { headers: { Origin: origin } })).status).toBe(403)
  })

  it('keeps answers from being framed or read as something else by nobody’s word but the downstream’s: no CORS of its own', async () => {
    world.answer = (_req, res) => res.writeHead(200, { 'access-control-allow-origin': '*' }).end('{}')
    expect(corsOf((await world.ask(path)).headers)).toEqual([])
  })
})

describe('A52 a browser at the other faces of a running instance', { timeout: 30_000 }, () => {
  it('is refused at each, by Host and by Origin, before any work', async () => {
    const bank: Bank = await startBank()
    const { running, motion } = bank
    const capability = running.capability('crm')
    const form = 'grant_type=client_credentials'
    const faces: readonly (readonly [face: string, start: string])[] = [
      [running.egress, 'GET /downstream/a/things/1'],
      [running.egress, 'GET /downstreams'],
      [running.egress, 'GET /oauth2/jwks'],
      [running.egress, 'POST /oauth2/token'],
      [running.egress, 'POST /oauth2/revoke'],
      [running.egress, 'GET /nothing'],
      [running.faces.admin.url, 'GET /v1/status'],
      [running.faces.admin.url, 'POST /v1/revocations'],
      [running.telemetry, 'GET /metrics'],
    ]
    for (const [face, start] of faces) {
      const { host, port } = new URL(face)
      for (const [lines, status] of [
        ['Host: evil.example\r\n', 421],
        [`Host: evil.example:${port}\r\n`, 421],
        [`Host: ${host}\r\nOrigin: https://evil.example\r\n`, 403],
        [`Host: ${host}\r\nOrigin: null\r\n`, 403],
      ] as const) {
        const line = await openLine(Number(port), motion)
        line.send(
          `${start} HTTP/1.1\r\n${lines}Sallyport-Capability: ${capability}\r\nContent-Type: text/plain\r\n` +
            (start.startsWith('POST') ? `Content-Length: ${form.length}\r\n\r\n${form}` : '\r\n'),
        )
        const [answer] = (await line.answered('GET')).messages
        expect([face, start, lines, answer === undefined ? 0 : statusOf(answer)]).toEqual([
          face,
          start,
          lines,
          status,
        ])
        expect(answer!.headers.join('\n')).not.toMatch(/access-control/i)
        line.socket.destroy()
      }
    }
    expect(bank.idp.exchanges).toEqual([])
  })
})
