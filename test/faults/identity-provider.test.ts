import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { allLines } from '../audit/record-kit.ts'
import { mint, type Running, startInstance } from '../kit/instance.ts'
import { type FaultyIdp, startFaultyIdp } from './faulty-idp.ts'
import { startHostile } from './hostile.ts'
import { leavesNothing } from './rig.ts'

type Answering = (request: IncomingMessage, response: ServerResponse) => void

const answering =
  (status: number, body: string, headers: Record<string, string> = {}): Answering =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
const silent: Answering = () => undefined
const cutOff: Answering = (request) => void request.socket.resetAndDestroy()
const halfway: Answering = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' }).write('{"half":')
  setTimeout(() => request.socket.resetAndDestroy(), 20)
}
/** A byte now and then: no limit on silence ends this, only one on the whole. */
const trickling: Answering = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 200)
  response.on('close', () => clearInterval(timer))
}

async function start() {
  const idp = await startFaultyIdp()
  const api = await startHostile()
  const running = await startInstance({
    form: 'single',
    files: {
      key: 'thirty-two bytes or more of a key file',
      shared: 'the-key-of-everybody',
      secret: 'client-secret',
    },
    config: () => `tenant: acme
limits: { connect: 1s, headers: 1s, idle: 1s }
login: { issuer: "${idp.issuer}", client: { id: sallyport, secret: file:secret } }
key: file:key
servers:
  crm: { url: "http://127.0.0.1:1/mcp", resource: "https://crm.example", allow: [anyone], direct: [api, shared] }
downstreams:
  api: { url: "${api.url}", exchange: { audience: orders-api }, operations: [{ op: "GET /orders/{id}", class: read }] }
  shared: { url: "${api.url}", resource: "https://shared.example", static: { header: X-Key, value: file:shared, per: all, owner: crm }, operations: [{ op: "GET /orders/{id}", class: read }] }
`,
  })
  return { idp, api, running }
}

const session = async (running: Running, idp: FaultyIdp, user: string) =>
  (await mint(running, 'crm', await idp.subject(user))).token

async function ask(running: Running, downstream: string, token: string) {
  const answer = await fetch(`${running.egress}/downstream/${downstream}/orders/1`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const body = (await answer.json()) as { code?: string }
  return {
    status: answer.status,
    code: body.code,
    retry: Number(answer.headers.get('retry-after')),
    id: String(answer.headers.get('sallyport-request-id')),
  }
}

const linesOf = (running: Running) => allLines(join(running.instance.config.data, 'records'))

/** Keys that cannot be had, and have come back. */
async function withoutKeys(name: string, fault: Answering | 'down', code: string): Promise<void> {
  const { idp, running } = await start()
  if (fault === 'down') await idp.down()
  else idp.faults.set('keys', fault)
  const refused = await mint(running, 'crm', await idp.subject('alice'))
  expect([name, refused.status, refused.body['code']]).toEqual([name, 503, code])
  expect([name, linesOf(running).filter(({ kind }) => kind === 'mint')]).toEqual([name, []])
  const asked = idp.count('keys')
  await mint(running, 'crm', await idp.subject('bob'))
  expect([name, idp.count('keys')]).toEqual([name, asked])
  if (fault === 'down') await idp.up()
  idp.faults.clear()
  const back = async () => (await mint(running, 'crm', await idp.subject('alice'))).status
  await expect.poll(back, { timeout: 15_000, interval: 250 }).toBe(200)

  await idp.down()
  const token = await session(running, idp, 'alice')
  expect([name, (await ask(running, 'shared', token)).status]).toEqual([name, 200])
  await leavesNothing(running)
}

/** A token that cannot be had for one person, while others go on; and has come back. */
async function withoutExchange(
  name: string,
  fault: Answering | 'down',
  code: string,
  calls: number,
): Promise<void> {
  const { idp, api, running } = await start()
  const alice = await session(running, idp, 'alice')
  const bob = await session(running, idp, 'bob')
  expect((await ask(running, 'api', alice)).status).toBe(200)
  const before = idp.count('token')
  if (fault === 'down') await idp.down()
  else idp.faults.set('token', fault)
  const asked = ask(running, 'api', bob)
  // Who needs nothing of the provider now waits for nobody.
  expect([name, (await ask(running, 'shared', bob)).status]).toEqual([name, 200])
  expect([name, (await ask(running, 'api', alice)).status]).toEqual([name, 200])
  const { id, ...answer } = await asked
  expect([name, answer.status, answer.code]).toEqual([name, 502, code])
  if (fault !== 'down') expect([name, idp.count('token') - before]).toEqual([name, calls])
  const lines = linesOf(running)
  const outcome = lines.find(({ kind, request }) => kind === 'outcome' && request === id)
  expect(outcome).toMatchObject({ result: 'failed', reason: code })
  const exchange = lines.findLast(({ kind, result }) => kind === 'exchange' && result === 'failed')
  expect(exchange).toMatchObject({ reason: code })
  if (fault === 'down') await idp.up()
  idp.faults.clear()
  expect([name, (await ask(running, 'api', bob)).status]).toEqual([name, 200])
  await leavesNothing(running, api)
}

describe('an identity provider', () => {
  it('whose keys cannot be had: 503 and no session, those that are there go on, and it is found again within seconds', async () => {
    await Promise.all([
      withoutKeys('down', 'down', 'idp_unavailable'),
      withoutKeys('silent', silent, 'idp_unavailable'),
      withoutKeys('cut off', cutOff, 'idp_unavailable'),
      withoutKeys('500', answering(500, '{}'), 'idp_unavailable'),
      withoutKeys('429', answering(429, '{}', { 'retry-after': '1' }), 'idp_unavailable'),
      withoutKeys('no JSON', answering(200, 'oops'), 'idp_metadata_refused'),
      withoutKeys('no keys', answering(200, '{"keys":"none"}'), 'idp_metadata_refused'),
      withoutKeys('endless', answering(200, `{"keys":[${'0,'.repeat(2_000_000)}0]}`), 'idp_unavailable'),
      withoutKeys(
        'redirect',
        answering(302, '', { location: 'http://127.0.0.1:9/keys' }),
        'idp_metadata_refused',
      ),
    ])
  }, 60_000)

  it('that does not come to a token: 502 after two tries, others go on, and the next request after the fault works', async () => {
    await Promise.all([
      withoutExchange('down', 'down', 'exchange_unavailable', 0),
      withoutExchange('silent', silent, 'exchange_unavailable', 2),
      withoutExchange('cut off', cutOff, 'exchange_unavailable', 2),
      withoutExchange('halfway', halfway, 'exchange_unavailable', 2),
      withoutExchange('500', answering(500, '{"error":"server_error"}'), 'exchange_unavailable', 2),
      withoutExchange('503', answering(503, 'upstream connect error'), 'exchange_unavailable', 2),
    ])
  }, 60_000)

  it('that answers with what is no token: 502 after one try', async () => {
    await Promise.all([
      withoutExchange('half', answering(200, '{"access_token":'), 'exchange_response_refused', 1),
      withoutExchange('list', answering(200, '[]'), 'exchange_response_refused', 1),
      withoutExchange('no token', answering(200, '{"token_type":"Bearer"}'), 'exchange_response_refused', 1),
    ])
  }, 60_000)

  it('that answers byte by byte, which no limit on silence ends: its time is bounded as a whole', async () => {
    await Promise.all([
      withoutKeys('keys', trickling, 'idp_unavailable'),
      withoutExchange('token', trickling, 'exchange_unavailable', 2),
    ])
  }, 60_000)

  it('that limits the rate of requests is left alone for as long as it asks, and the caller is told', async () => {
    const { idp, running } = await start()
    const token = await session(running, idp, 'alice')
    idp.faults.set('token', answering(429, '{"error":"slow_down"}', { 'retry-after': '3' }))
    const first = await ask(running, 'api', token)
    expect(first).toMatchObject({ status: 502, code: 'exchange_unavailable', retry: 3 })
    idp.faults.clear()
    const asked = idp.count('token')
    const second = await ask(running, 'api', await session(running, idp, 'bob'))
    expect(second).toMatchObject({ status: 502, code: 'exchange_unavailable' })
    expect(second.retry).toBeGreaterThan(0)
    expect(idp.count('token')).toBe(asked)
    await expect
      .poll(async () => (await ask(running, 'api', token)).status, { timeout: 8000, interval: 200 })
      .toBe(200)
  }, 15_000)
})
