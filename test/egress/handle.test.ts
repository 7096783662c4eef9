import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canary, startWorld, token, type World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

describe('what is refused before anything is sent', () => {
  it('answers 401 to a request without a bearer token, and dials nothing', async () => {
    const answer = await world.ask('/downstream/orders/orders/1', { token: false })
    expect(answer.status).toBe(401)
    expect(answer.json().code).toBe('token_missing')
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
    expect(world.seen).toEqual([])
  })

  it('denies an operation that is not configured, records the denial with its rule, and acquires nothing', async () => {
    const answer = await world.ask('/downstream/orders/admin')
    expect(answer.status).toBe(403)
    expect(answer.json()).toMatchObject({ code: 'operation_unknown', downstream: 'orders', request_id: 'r1' })
    expect(world.records).toMatchObject([{ kind: 'denial', reason: 'operation_unknown', who: { sid: 's1' } }])
    expect(world.exchange.needs).toEqual([])
    expect(world.seen).toEqual([])
  })

  it('denies a critical operation without a call', async () => {
    const answer = await world.ask('/downstream/orders/orders/1', { method: 'DELETE' })
    expect(answer.json().code).toBe('critical_needs_call')
    expect(world.seen).toEqual([])
  })

  it('answers for a downstream that is not configured as for one that the token does not name', async () => {
    const answer = await world.ask('/downstream/other/x')
    expect([answer.status, answer.json().code]).toEqual([403, 'downstream_not_granted'])
    expect((await world.ask('/elsewhere')).json().code).toBe('not_found')
  })

  it('refuses what is cut before it is decided on, acquired or recorded as an intent', async () => {
    world.gate.barred = { reason: 'cut' }
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(401)
    expect(answer.json().code).toBe('cut')
    expect(world.records).toMatchObject([{ kind: 'denial', reason: 'cut' }])
    expect(world.exchange.needs).toEqual([])
  })

  it('sends nothing when the record cannot be written', async () => {
    world.recordFails.now = true
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toBe('1')
    expect(world.exchange.needs).toEqual([])
    expect(world.seen).toEqual([])
  })

  it('sends nothing when the credential is pinned to another origin than the one to dial', async () => {
    Object.assign(world.exchange, { origin: 'https://other.example' })
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.status).toBe(500)
    expect(answer.json().code).toBe('credential_origin_mismatch')
    expect(world.records.at(-1)).toMatchObject({ kind: 'outcome', result: 'failed' })
    expect(world.seen).toEqual([])
  })
})

describe('an allowed request', () => {
  it('reaches the downstream with the credential in place of the token, and the answer comes back', async () => {
    const answer = await world.ask('/downstream/orders/orders/1?full=yes', {
      headers: { Accept: 'text/plain' },
    })
    expect(answer.status).toBe(200)
    expect(answer.body).toBe('{"ok":true}')
    expect(answer.headers['sallyport-request-id']).toBe('r1')
    expect(world.seen).toHaveLength(1)
    const [{ method, url, headers }] = world.seen as [World['seen'][0]]
    expect({ method, url }).toEqual({ method: 'GET', url: '/orders/1?full=yes' })
    expect(headers.authorization).toBe(`Bearer ${canary}`)
    expect(headers.accept).toBe('text/plain')
    expect(headers.host).toBe(new URL(world.origin).host)
    expect(JSON.stringify(world.seen)).not.toContain(token)
  })

  it('is recorded before the credential is used and asks the gate last of all', async () => {
    await world.ask('/downstream/orders/orders/1')
    expect(world.order).toEqual(['gate', 'record', 'gate', 'downstream'])
  })

  it('leaves an intent and an outcome that name who, what, the rule and the fingerprint, and no secret or query', async () => {
    world.answer = (_req, res) => res.writeHead(201, { 'x-request-id': 'down-77' }).end('12345')
    await world.ask('/downstream/orders/orders/1?email=a@b', {
      headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    })
    const [intent, outcome] = world.records
    expect(intent).toMatchObject({
      kind: 'intent',
      request: 'r1',
      who: { client: 'inspector', server: 'crm', sid: 's1', jti: 'j1', principal: { subject: 'alice' } },
      downstream: 'orders',
      operation: 'GET /orders/{id}',
      path: '/orders/1',
      class: 'read',
      decision: 'allow',
      rule: 'servers.crm.direct[0]',
      policy: 'v1',
      rev: 7,
      trace: '0af7651916cd43dd8448eb211c80319c',
      details: { durability: 'handed' },
    })
    expect(outcome).toMatchObject({
      kind: 'outcome',
      request: 'r1',
      status: 201,
      downstreamRequestId: 'down-77',
      bytesIn: 0,
      bytesOut: 5,
      result: 'done',
      credential: `f-${canary}`,
    })
    expect(JSON.stringify(world.records)).not.toMatch(/email|session-token/)
  })

  it('has a write on the disk before it is sent', async () => {
    await world.ask('/downstream/orders/orders', { method: 'POST', body: '{"a":1}' })
    expect(world.records[0]).toMatchObject({ class: 'write', details: { durability: 'synced' } })
    expect(world.records[1]).toMatchObject({ bytesIn: 7 })
  })

  it('keeps the base path of the downstream', async () => {
    await world.close()
    world = await startWorld({ basePath: '/api/v2' })
    await world.ask('/downstream/orders/orders/1')
    expect(world.seen[0]!.url).toBe('/api/v2/orders/1')
  })

  it.each([
    ['/api/mcp', '/downstream/orders', '/api/mcp'],
    ['/api/mcp', '/downstream/orders?a=1', '/api/mcp?a=1'],
    ['/api/mcp', '/downstream/orders/', '/api/mcp/'],
    ['', '/downstream/orders', '/'],
  ])('asks at %j for %s as %s: a slash may be another resource', async (basePath, asked, seen) => {
    await world.close()
    const operations = [{ id: 'GET /', method: 'GET', path: '/', class: 'read' as const }]
    world = await startWorld({ basePath, operations })
    expect((await world.ask(asked)).status).toBe(200)
    expect(world.seen[0]!.url).toBe(seen)
    expect(world.records[0]!.path).toBe('/')
  })

  it('is the same where identity and exchange have to be waited for', async () => {
    await world.close()
    world = await startWorld({ slow: true })
    expect((await world.ask('/downstream/orders/orders/1')).status).toBe(200)
    expect(world.order).toEqual(['gate', 'record', 'gate', 'downstream'])
  })

  it('asks for the credential as of the applied log position, and files its work under the connection', async () => {
    let filed: unknown
    world.answer = (_req, res) => {
      filed = [...world.live.values()][0]
      res.end()
    }
    await world.ask('/downstream/orders/orders/1')
    expect(world.exchange.needs[0]).toMatchObject({
      rev: 7,
      server: { name: 'crm' },
      downstream: { name: 'orders' },
    })
    expect(filed).toMatchObject({ sid: 's1', downstream: 'orders', connection: 'c1' })
    expect(world.live.size).toBe(0)
  })
})

describe('GET /downstreams', () => {
  it('answers 401 without a token', async () => {
    expect((await world.ask('/downstreams', { token: false })).status).toBe(401)
  })

  it("lists the downstreams of the caller's server by name and URL", async () => {
    const answer = await world.ask('/downstreams')
    expect(answer.json()).toEqual({
      downstreams: [{ name: 'orders', url: world.origin, resource: 'https://orders.example' }],
    })
  })
})

describe('closing', () => {
  it('refuses what comes after, and resolves when what is in progress has ended', async () => {
    let finish = () => undefined as unknown
    const arrived = new Promise<void>((done) => {
      world.answer = (_req, res) => {
        finish = () => res.end('late')
        done()
      }
    })
    const first = world.ask('/downstream/orders/orders/1')
    await arrived
    let closed = false
    const closing = world.egress.close().then(() => {
      closed = true
    })
    const second = await world.ask('/downstream/orders/orders/1')
    expect(second.json().code).toBe('shutting_down')
    expect(closed).toBe(false)
    finish()
    expect((await first).body).toBe('late')
    await closing
  })
})
