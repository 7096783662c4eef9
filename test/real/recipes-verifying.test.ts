/** What the servers of docs/recipes.md that verify the call token refuse, asked past the gateway. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { mint } from '../kit/instance.ts'
import { claimsOf, parts } from '../kit/parts.ts'
import { type Scene, startScene } from '../recipes/world.ts'

const { recipes: needs } = parts()

const configuration = (other: string) => `
servers:
  crm:
    url: http://127.0.0.1:3000/mcp
    allow: [anyone]
    tools:
      search_orders: { class: read, uses: [orders] }
      refund: { class: critical, uses: [{ op: "orders POST /orders/{id}/refunds", bind: { path.id: order_id } }] }
  other:
    url: ${other}
    allow: [anyone]
    tools: { search_orders: { class: read, uses: [orders] } }
downstreams:
  orders:
    url: https://orders.acme.example
    static: { header: X-Api-Key, per: user }
    operations:
      - { op: "GET /orders", class: read }
      - { op: "POST /orders/{id}/refunds", class: critical }
`

interface Verified extends Scene {
  /** A call through the gateway; gives the call token that the server behind got. */
  tokenOf(tool: string, server?: 'crm' | 'other', ttl?: number): Promise<string>
  /** Asks the server itself; gives the status, and the text of a result. */
  ask(token: string | undefined, tool?: string): Promise<string>
}

const parameters = { customer: 'alice-1', order_id: 'alice-1', amount: 5 }
const message = (name: string) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: parameters } })
const headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
}

async function open(file: string): Promise<Verified> {
  const atOther: string[] = []
  const other = createServer((request, response) => {
    atOther.push(request.headers.authorization ?? '')
    response
      .setHeader('content-type', 'application/json')
      .end('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}')
  }).listen(0, '127.0.0.1')
  await once(other, 'listening')
  onTestFinished(() => {
    other.closeAllConnections()
    other.close()
  })
  const scene = await startScene(file, {
    needs: needs!,
    configuration: configuration(`http://127.0.0.1:${(other.address() as AddressInfo).port}/mcp`),
    env: (url) => ({ SALLYPORT_URL: url, RESOURCE: `${url}/crm/mcp` }),
    path: '/crm/mcp',
  })
  const bearer = (token: string | undefined) =>
    token === undefined ? {} : { authorization: `Bearer ${token}` }
  return {
    ...scene,
    tokenOf: async (tool, server = 'crm', ttl = 600) => {
      const token = await scene.signIn('alice', { ttl, server })
      const answer = await fetch(`${scene.running.faces.gateway!.url}/${server}/mcp`, {
        method: 'POST',
        headers: { ...headers, ...bearer(token) },
        body: message(tool),
      })
      expect(answer.status, await answer.text()).toBe(200)
      const got = server === 'crm' ? scene.toServer.seen.at(-1)!.headers.authorization : atOther.at(-1)
      return got!.slice('Bearer '.length)
    },
    ask: async (token, tool = 'search_orders') => {
      const body = message(tool)
      const answer = await fetch(`${scene.toServer.url}/mcp`, {
        method: 'POST',
        headers: { ...headers, ...bearer(token) },
        body,
      })
      const { result } = JSON.parse((await answer.text()).replace(/^[^]*?^data: /m, ''))
      return `${answer.status} ${result?.content[0].text ?? ''}`.trim()
    },
  }
}

/** Past the downstream requests that there were: what else a token has caused. */
async function refused(scene: Verified, token: string | undefined, tool?: string): Promise<string> {
  const before = scene.toEgress.seen.filter(({ path }) => path.startsWith('/downstream/')).length
  const said = await scene.ask(token, tool)
  const after = scene.toEgress.seen.filter(({ path }) => path.startsWith('/downstream/')).length
  expect(after - before).toBe(0)
  return said
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

const files = ['verifying.mjs', 'python-verifying.py']

describe.skipIf(needs === undefined).each(files)('the recipe that verifies, %s', (file) => {
  it('works for a token of its own call, whose use at the egress is over with the call', async () => {
    const scene = await open(file)
    const token = await scene.tokenOf('search_orders')
    expect(scene.arrivals).toHaveLength(1)
    expect(claimsOf(token)).toMatchObject({ sub: 'alice', sp: { tool: 'search_orders' } })
    expect(await scene.ask(token)).toMatch(/^200 .*403 .*call_ended/)
    expect(scene.arrivals).toHaveLength(1)
  })

  it('refuses everything that is no token, and every token that is not for it', async () => {
    const scene = await open(file)
    const client = await scene.signIn('alice', { ttl: 600, server: 'crm' })
    const session = await mint(scene.running, 'crm', client)
    expect(session.status, JSON.stringify(session.body)).toBe(200)
    for (const token of [
      undefined,
      'not-a-token',
      client,
      session.token,
      await scene.tokenOf('search_orders', 'other'),
    ])
      expect(await refused(scene, token)).toBe('401')
  })

  it('refuses a token that was forged or changed', async () => {
    const scene = await open(file)
    const token = await scene.tokenOf('search_orders')
    const [head = '', payload = '', signature = ''] = token.split('.')
    const header = JSON.parse(Buffer.from(head, 'base64url').toString())
    const claims = claimsOf(token)
    const { privateKey, publicKey } = await generateKeyPair('EdDSA')
    const jwk = await exportJWK(publicKey)
    const jwks = await (await fetch(`${scene.running.egress}/oauth2/jwks`)).text()
    const byOther = (protectedHeader: object) =>
      new SignJWT(claims).setProtectedHeader({ ...header, ...protectedHeader }).sign(privateKey)
    const byText = (text: string) =>
      new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256' }).sign(new TextEncoder().encode(text))
    for (const forged of [
      await byOther({}),
      await byOther({ jwk }),
      await byOther({ kid: 'unknown' }),
      await byText(jwks),
      `${encoded({ ...header, alg: 'none' })}.${payload}.`,
      `${encoded({ ...header, typ: 'JWT' })}.${payload}.${signature}`,
      `${head}.${encoded({ ...claims, sub: 'bob' })}.${signature}`,
      `${head}.${encoded({ ...claims, exp: Number(claims.exp) + 3600 })}.${signature}`,
    ])
      expect(await refused(scene, forged)).toBe('401')
  })

  it('refuses the token of a call whose time is over', async () => {
    const scene = await open(file)
    const token = await scene.tokenOf('search_orders', 'crm', 3)
    await pause(claimsOf(token).exp * 1000 - Date.now() + 50)
    expect(await refused(scene, token)).toBe('401')
  })

  it('runs no other tool than the one that the token names', async () => {
    const scene = await open(file)
    const token = await scene.tokenOf('search_orders')
    const other = /^200 .*The token is for a call of another tool$/
    expect(await refused(scene, token, 'refund')).toMatch(other)
    const { running, toServer, signIn } = scene
    await fetch(`${running.faces.gateway!.url}/crm/mcp`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${await signIn('alice')}` },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    })
    const listing = toServer.seen.at(-1)!.headers.authorization!.slice('Bearer '.length)
    expect(claimsOf(listing).sp.call).toBeTypeOf('string')
    expect(await refused(scene, listing)).toMatch(other)
  })
})
