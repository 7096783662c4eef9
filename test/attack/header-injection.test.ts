import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, token, type World } from '../egress/world.ts'
import { startExchangingIdp } from '../kit/exchanging-idp.ts'
import { mint, startInstance } from '../kit/instance.ts'
import { openLine, startRawDownstream } from '../kit/raw.ts'
import { clients, startRawWorld } from './over.ts'

const request = (target: string, lines = '') =>
  `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n${lines}\r\n`

const controls: Readonly<Record<string, string>> = {
  'a line break': '\r\nX-Injected: 1',
  'a line feed': '\nX-Injected: 1',
  'a carriage return': '\rX-Injected: 1',
  'a NUL': '\0X-Injected: 1',
  'a vertical tab': '\x0bX-Injected: 1',
  'a line break and a request': '\r\n\r\nGET /orders/666 HTTP/1.1\r\nHost: x\r\n\r\n',
}
const encoded = (text: string) => Buffer.from(text, 'latin1').toString('hex').replace(/../g, '%$&')

describe('A45 header injection: what the caller wrote', { timeout: 30_000 }, () => {
  let world: World
  beforeEach(async () => {
    world = await startWorld()
  })
  afterEach(() => world.close())

  const expectNothingSent = (answer: string) => {
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(world.seen).toEqual([])
    expect(world.records.filter(({ kind }) => kind === 'intent')).toEqual([])
  }

  it.each(Object.entries(controls))('makes no header out of a path: %s', async (_what, text) => {
    expectNothingSent(await world.raw(request(`/downstream/orders/orders/1${text}`)))
    expectNothingSent(await world.raw(request(`/downstream/orders/files/1${encoded(text)}`)))
    expectNothingSent(await world.raw(request(`/downstream/orders${text}/orders/1`)))
    expectNothingSent(await world.raw(request(`/downstream/orders${encoded(text)}/orders/1`)))
  })

  it.each(Object.entries(controls))('makes no header out of a query: %s', async (_what, text) => {
    expectNothingSent(await world.raw(request(`/downstream/orders/orders/1?a=b${text}`)))
  })

  it.each(Object.entries(controls))('sends an escaped query as it stands: %s', async (_what, text) => {
    expect(await world.raw(request(`/downstream/orders/orders/1?a=${encoded(text)}`))).toMatch(
      /^HTTP\/1\.1 200 /,
    )
    expect(world.seen.map(({ url }) => url)).toEqual([`/orders/1?a=${encoded(text)}`])
    expect(world.seen[0]!.rawHeaders.join()).not.toMatch(/injected/i)
  })

  it.each(['\0', '\x0b', '\x1b', '\x7f', '\r', '\n', '\r\n ', '\r\n\t'])(
    'makes no second header out of a value or a name: %j',
    async (text) => {
      expectNothingSent(await world.raw(request('/downstream/orders/orders/1', `Mcp-Param-A: b${text}c\r\n`)))
      expectNothingSent(await world.raw(request('/downstream/orders/orders/1', `Mcp-Param-A${text}: b\r\n`)))
    },
  )

  it('gets out in no header that is made of it: what the record knows of it is not sent', async () => {
    const lines = 'Traceparent: 00-"\\u000d\\u000aX: y-00f067aa0ba902b7-01\r\nX-Request-Id: mine\r\n'
    await world.raw(request('/downstream/orders/orders/1', lines))
    expect(world.records[0]?.trace).toBeUndefined()
    expect(world.records[0]?.request).toBe('r1')
  })
})

describe.each(clients)('A45 header injection: what the credential is made of, over %s', (client) => {
  it.each(Object.entries(controls))('sends nothing where it has one: %s', async (_what, text) => {
    for (const placement of [
      { kind: 'bearer' },
      { kind: 'header', name: 'X-Key' },
      { kind: 'header', name: 'X-Key', prefix: `Key${text} ` },
      { kind: 'header', name: `X-Key${text}` },
    ] as const) {
      const { world, downstream, motion } = await startRawWorld(client, { placement })
      world.exchange.secrets = 'prefix' in placement ? ['secret'] : [`secret${text}`]
      const line = await openLine(world.port, motion)
      line.send(request('/downstream/orders/orders/1'))
      await line.answered('GET')
      expect(downstream.connections.map(({ bytes }) => bytes.toString('latin1')).join('')).toBe('')
      const [answer] = line.answers('GET').messages
      expect(answer?.start).toMatch(/^HTTP\/1\.1 50\d /)
      expect(line.received.toString('latin1')).not.toMatch(/secret|injected/i)
      await world.close()
    }
  })
})

describe('A45 header injection: where credentials come from', { timeout: 30_000 }, () => {
  it('takes none with a line break from a provider, an operator or a file', { timeout: 30_000 }, async () => {
    const idp = await startExchangingIdp()
    const api = await startRawDownstream()
    const running = await startInstance({
      form: 'single',
      files: {
        client: 'client-secret',
        key: 'a key of thirty-two bytes or more.',
        shared: 'one\r\nX-Injected: 1\r\n',
      },
      config: () => `tenant: acme
login: { issuer: "${idp.issuer}", client: { id: sallyport, secret: file:client } }
key: file:key
servers:
  crm: { url: "http://127.0.0.1:1/mcp", resource: "https://crm.example", allow: [anyone], direct: [exchanged, own] }
downstreams:
  exchanged: { url: "${api.url}/a", resource: "https://a.example", exchange: { audience: a-api }, operations: [{ op: "GET /x", class: read }] }
  own: { url: "${api.url}/b", resource: "https://b.example", static: { header: X-Key, per: user }, operations: [{ op: "GET /x", class: read }] }
`,
    })
    idp.answer = (body) => ({ ...body, access_token: 'secret\r\nX-Injected: 1' })
    const claims = { sub: 'alice', client_id: 'c', aud: 'https://crm.example', scope: 'read' }
    const session = await mint(running, 'crm', await idp.subject(claims))
    for (const value of ['mine\r\nX-Injected: 1', 'mine\nX-Injected: 1', 'mi\0ne', 'mi\rne']) {
      await running.admin('POST', '/v1/connections', { downstream: 'own', user: 'alice', value })
      for (const name of ['exchanged', 'own']) {
        const answer = await fetch(`${running.egress}/downstream/${name}/x`, {
          headers: { authorization: `Bearer ${session.token}` },
        })
        expect(answer.status).toBeGreaterThanOrEqual(400)
        expect(await answer.text()).not.toMatch(/injected|secret|mine/i)
      }
    }
    expect(api.connections.map(({ bytes }) => bytes.toString('latin1')).join('')).toBe('')
  })
})
