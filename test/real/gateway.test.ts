/** The gateway on a real Keycloak: its own tokens for clients, exchanged ones downstream, and people who have to connect first. */
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startInstance } from '../kit/instance.ts'
import { claimsOf, parts, passwordToken } from '../kit/parts.ts'
import { startResourceServer, startUpstream } from '../kit/upstream.ts'

const here = parts()
const versionKey = 'io.modelcontextprotocol/protocolVersion'
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

/** An MCP server whose tools are named after the path that they ask for at a downstream. */
async function startServer(egress: () => string): Promise<string> {
  const server = createServer((req, res) => {
    void (async () => {
      const { id, params } = JSON.parse(await text(req)) as { id: number; params: { name: string } }
      const path = { list_orders: 'orders/orders', my_profile: 'legacy/me' }[params.name] ?? ''
      const { authorization = '' } = req.headers
      const answer = await fetch(`${egress()}/downstream/${path}`, { headers: { authorization } })
      const content = [{ type: 'text', text: String(answer.status) }]
      res.setHeader('content-type', 'application/json')
      res.end(JSON.stringify({ jsonrpc: '2.0', id, result: { content } }))
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

async function openWorld() {
  const keycloak = here.keycloak!
  const { issuer } = keycloak
  const jwks = `${issuer}/protocol/openid-connect/certs`
  const orders = await startResourceServer({ issuer, jwks, audience: 'orders-api' })
  const legacy = await startUpstream((request, response) => {
    response.writeHead(request.headers['x-api-key'] === 'alices-own-key' ? 200 : 401).end('{}')
  })
  const address = { egress: '' }
  const server = await startServer(() => address.egress)
  const running = await startInstance({
    form: 'single',
    files: { 'idp-secret': keycloak.clients.sallyport, key: 'a passphrase-long key of thirty-two bytes.' },
    config: () => `tenant: acme
login: { issuer: "${issuer}", client: { id: sallyport, secret: file:idp-secret } }
key: file:key
servers:
  crm:
    url: ${server}
    audiences: [sallyport]
    extra_audiences: [account]
    allow: ["group:crm-users"]
    tools:
      list_orders: { class: read, uses: [orders] }
      my_profile: { class: read, uses: [legacy] }
downstreams:
  orders:
    url: ${orders.url}
    exchange: { audience: orders-api }
    operations: [{ op: "GET /orders", class: read }]
  legacy:
    url: ${legacy.url}
    static: { header: X-Api-Key, per: user }
    operations: [{ op: "GET /me", class: read }]
`,
  })
  address.egress = running.egress
  return { running, orders, legacy, gateway: `${running.faces.gateway!.url}/mcp` }
}

interface Reply {
  readonly status: number
  readonly challenge: string | null
  readonly body: {
    readonly result?: Readonly<Record<string, unknown>>
    readonly error?: { readonly code: number; readonly data?: Readonly<Record<string, unknown>> }
  }
}

type Send = (tool: string, more?: object) => Promise<Reply>

const sender =
  (gateway: string, bearer: string, version: string, meta?: object): Send =>
  async (name, more = {}) => {
    const params = { name, arguments: {}, ...(meta === undefined ? {} : { _meta: meta }), ...more }
    const mirrored = { 'mcp-method': 'tools/call', 'mcp-name': name }
    const answer = await fetch(gateway, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/json',
        'mcp-protocol-version': version,
        ...(meta === undefined ? {} : mirrored),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    })
    const body = (await answer.json()) as Reply['body']
    return { status: answer.status, challenge: answer.headers.get('www-authenticate'), body }
  }

const modern = (gateway: string, bearer: string): Send =>
  sender(gateway, bearer, '2026-07-28', {
    [versionKey]: '2026-07-28',
    [capabilitiesKey]: { elicitation: { url: {} } },
  })

const saidBy = ({ body }: Reply) => (body.result?.['content'] as { text: string }[] | undefined)?.[0]?.text

describe.skipIf(here.keycloak === undefined)('the gateway on Keycloak', () => {
  it('takes the IdP’s token for this server, and exchanges it for what the tool calls', async () => {
    const { orders, gateway } = await openWorld()
    const alice = (await passwordToken({ user: 'alice' })).access_token
    expect(saidBy(await sender(gateway, alice, '2025-11-25')('list_orders'))).toBe('200')
    expect(orders.claims[0]).toMatchObject({ sub: claimsOf(alice).sub, azp: 'sallyport' })
    const bob = (await passwordToken({ user: 'bob' })).access_token
    expect((await sender(gateway, bob, '2025-11-25')('list_orders')).status).toBe(403)
    const junk = await sender(gateway, `${alice}x`, '2025-11-25')('list_orders')
    expect(junk.status).toBe(401)
    const metadata = /resource_metadata="([^"]+)"/.exec(junk.challenge ?? '')?.[1] ?? ''
    expect(new URL(metadata).pathname).toBe('/.well-known/oauth-protected-resource/mcp')
  })

  it('asks for a missing connection in the way of the client’s era, and goes on once it is there', async () => {
    const { running, gateway } = await openWorld()
    const alice = (await passwordToken({ user: 'alice' })).access_token
    const send = modern(gateway, alice)
    const asked = await send('my_profile')
    expect(asked.body.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: {
        'sallyport.connect.legacy': {
          method: 'elicitation/create',
          params: {
            mode: 'url',
            url: expect.stringContaining(`${running.instance.config.url}/connect/legacy?ask=`),
          },
        },
      },
    })
    const legacyAnswer = await sender(gateway, alice, '2025-11-25')('my_profile')
    expect(legacyAnswer.body.result).toMatchObject({ isError: true })
    expect(saidBy(legacyAnswer)).toContain('/connect/legacy')

    const requestState = asked.body.result!['requestState'] as string
    const inputResponses = { 'sallyport.connect.legacy': { action: 'accept' } }
    const bob = (await passwordToken({ user: 'bob' })).access_token
    expect((await modern(gateway, bob)('my_profile', { requestState })).status).toBe(403)
    expect((await send('list_orders', { requestState })).body.error?.code).toBe(-32_602)
    const again = await send('my_profile', { requestState, inputResponses })
    expect(again.body.result?.['resultType']).toBe('input_required')
    expect((await send('my_profile', { requestState })).body.error?.code).toBe(-32_602)

    const connected = await running.admin('POST', '/v1/connections', {
      downstream: 'legacy',
      user: claimsOf(alice).sub,
      value: 'alices-own-key',
    })
    expect(connected.status, JSON.stringify(connected.body)).toBe(200)
    const next = again.body.result!['requestState'] as string
    expect(saidBy(await send('my_profile', { requestState: next, inputResponses }))).toBe('200')
  })

  it('serves nobody who was revoked, with whatever token', async () => {
    const { running, gateway } = await openWorld()
    const alice = (await passwordToken({ user: 'alice' })).access_token
    const send = sender(gateway, alice, '2025-11-25')
    expect(saidBy(await send('list_orders'))).toBe('200')
    const scope = { kind: 'user', id: claimsOf(alice).sub }
    const cut = await running.admin('POST', '/v1/revocations', { scope, cause: 'left', wait: 'fence' })
    expect(cut.status, JSON.stringify(cut.body)).toBe(200)
    const refused = await send('list_orders')
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect(refused.body.error?.data?.['code']).toMatch(/^(?:sign_in_too_old|held|cut)$/)
  })
})
