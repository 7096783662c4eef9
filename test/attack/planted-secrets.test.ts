/** Secrets are planted wherever sallyport holds one; then everything that it says, writes and answers is searched. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startIdp } from '../../examples/demo/idp.ts'
import { startOrdersApi } from '../../examples/demo/orders-api.ts'
import { findSecrets } from '../../examples/demo/search.ts'
import { signIn } from '../../examples/demo/sign-in.ts'
import { createLog } from '../../src/telemetry/index.ts'
import { encodings } from '../egress/leak/reflect.ts'
import { mint, startInstance } from '../kit/instance.ts'
import { startUpstream } from '../kit/upstream.ts'

const planted = {
  client: 'planted-client-secret-0f9c',
  all: 'planted-static-for-all-77aa',
  user: 'planted-static-of-alice-51be',
  key: 'planted passphrase of the data folder, long',
}
const serverResource = 'http://127.0.0.1:1/mcp'

async function openWorld() {
  const idp = await startIdp({ serverResource, groups: { alice: ['sales'] }, brokerSecret: planted.client })
  const api = await startOrdersApi({ issuer: idp.issuer, audience: 'orders-api' })
  onTestFinished(() => {
    idp.close()
    api.close()
  })
  const broken = await startUpstream((_request, response) => response.destroy())
  const refusing = await startUpstream((_request, response) => void response.writeHead(401).end('refused'))
  const echoing = await startUpstream((request, response) => {
    const told = String(request.headers['x-key'])
    response.setHeader('x-request-id', request.url?.endsWith('head') === true ? told : 'theirs')
    response.end(JSON.stringify(request.headers))
  })
  const printed: string[] = []
  const log = createLog({ level: 'debug', stream: { write: (line: string) => void printed.push(line) } })
  const running = await startInstance({
    form: 'single',
    log,
    files: { client: planted.client, all: planted.all, key: planted.key },
    config: () => `login: { issuer: "${idp.issuer}", client: { id: sallyport, secret: file:client } }
key: { passphrase: file:key }
servers:
  crm: { url: "${serverResource}", resource: "${serverResource}", allow: ["group:sales"], direct: [orders, broken, refusing, mine, elsewhere, echoing] }
downstreams:
  orders: { url: "${api.url}", exchange: { audience: orders-api }, operations: [{ op: "GET /orders", class: read }] }
  elsewhere: { url: "http://127.0.0.1:9", exchange: { audience: nobody }, operations: [{ op: "GET /orders", class: read }] }
  broken: { url: "${broken.url}", static: { header: X-Key, value: file:all, per: all, owner: crm }, operations: [{ op: "GET /orders", class: read }] }
  echoing: { url: "${echoing.url}", static: { header: X-Key, value: file:all, per: all, owner: crm }, operations: [{ op: "GET /{place}", class: read }] }
  refusing: { url: "${refusing.url}", static: { header: X-Key, value: file:all, per: all, owner: crm }, operations: [{ op: "GET /orders", class: read }] }
  mine: { url: "${refusing.url}", resource: "https://mine.example", static: { header: X-Key, per: user }, operations: [{ op: "GET /orders", class: read }] }
`,
  })
  return { idp, api, running, printed }
}

describe('planted secrets', () => {
  it('are found in no log, metric, record, answer or file, whatever succeeds or fails', {
    timeout: 60_000,
  }, async () => {
    const { idp, running, printed } = await openWorld()
    const answers: string[] = []
    const keep = async (response: Response) => {
      answers.push(JSON.stringify([...response.headers]), await response.text())
      return response.status
    }
    const person = await signIn({ issuer: idp.issuer, person: 'alice', resource: serverResource })
    const session = await mint(running, 'crm', person)
    expect(session.status).toBe(200)
    const get = (path: string, token: string) =>
      fetch(`${running.egress}/downstream${path}`, { headers: { authorization: `Bearer ${token}` } }).then(
        keep,
      )

    expect(await get('/orders/orders', session.token)).toBe(200)
    expect(await get('/broken/orders', session.token)).toBe(502)
    expect(await get('/refusing/orders', session.token)).toBe(502)
    expect(await get('/echoing/head', session.token)).toBe(502)
    expect(await get('/echoing/body', session.token)).toBe(502)
    expect(await get('/mine/orders', session.token)).toBe(424)
    const connected = await running.admin('POST', '/v1/connections', {
      downstream: 'mine',
      user: 'alice',
      value: planted.user,
    })
    answers.push(JSON.stringify(connected))
    expect(connected.status).toBe(200)
    expect(await get('/mine/orders', session.token)).toBe(502)
    expect(await get('/elsewhere/orders', session.token)).toBe(502)
    expect(await get('/orders/orders', `${session.token.slice(0, -4)}AAAA`)).toBe(401)
    expect(await get('/orders/orders', person)).toBe(401)
    for (const body of [{ subject_token: `${person}x` }, { audience: 'unknown' }, { scope: planted.all }]) {
      answers.push(JSON.stringify((await mint(running, 'crm', person, body)).body))
    }
    const wrong = { downstream: 'mine', user: 'alice', value: { nested: planted.user } }
    answers.push(JSON.stringify(await running.admin('POST', '/v1/connections', wrong)))
    const order = { scope: { kind: 'user', id: 'alice' }, cause: 'test', wait: 'providers', wait_s: 2 }
    answers.push(JSON.stringify(await running.admin('POST', '/v1/revocations', order)))
    for (const path of ['/v1/status', '/v1/sessions', '/v1/connections', '/v1/holds']) {
      answers.push(JSON.stringify(await running.admin('GET', path)))
    }
    answers.push(await (await fetch(`${running.telemetry}/metrics`)).text())
    await running.stop()

    const data = join(running.folder, 'data')
    const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((it) => it.isFile())
    const haystacks = [
      { name: 'log', bytes: Buffer.from(printed.join('')) },
      { name: 'answers', bytes: Buffer.from(answers.join('\n')) },
      ...files.map((it) => ({ name: it.name, bytes: readFileSync(join(it.parentPath, it.name)) })),
    ]
    expect(printed.length).toBeGreaterThan(0)
    expect(idp.downstreamTokens.length).toBeGreaterThan(0)
    const secrets = [...Object.values(planted), ...idp.downstreamTokens, person, session.token]
    // The search itself can find.
    expect(
      findSecrets(secrets, [{ name: 'control', bytes: Buffer.from(secrets.join('\n')) }]).length,
    ).toBeGreaterThanOrEqual(secrets.length)
    expect(findSecrets(secrets, haystacks)).toEqual([])
    for (const [name, encode] of Object.entries(encodings)) {
      for (const secret of secrets) {
        const found = haystacks.filter(({ bytes }) => bytes.includes(encode(secret)))
        expect([name, found.map((it) => it.name)]).toEqual([name, []])
      }
    }
  })
})
