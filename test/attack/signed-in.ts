/** A person whose client has signed in, at a whole instance with a gateway, an egress and two servers. */
import { expect } from 'vitest'
import { mint } from '../kit/instance.ts'
import { startUpstream, type Upstream } from '../kit/upstream.ts'
import { walk } from '../kit/walk.ts'
import { alice, callback, startWorld, verifier, type World } from '../signin/world.ts'

export const robotSecret = 'the-secret-of-a-workload-0123456789'

export interface Answered {
  readonly status: number
  readonly body: Record<string, any>
}

export interface SignedIn extends World {
  readonly api: Upstream
  /** The `client_id` of a client that anybody could register. */
  readonly client: string
  readonly code: string
  /** Posts a form to the public face. */
  post(path: string, form: Record<string, string>, headers?: Record<string, string>): Promise<Answered>
  /** What the client got for its code. */
  readonly tokens: Record<string, string>
  /** `<status> <code>` of a bearer at the gateway of a server; one that is let in finds no server behind it. */
  atGateway(bearer: string, server?: 'crm' | 'erp'): Promise<string>
  /** The same at the egress, at its token endpoint as subject, and at its token endpoint as what is introspected. */
  atEgress(bearer: string): Promise<string>
  asSubject(token: string): Promise<string>
  /** A session token of alice at `crm`, which its server got. */
  sessionToken(): Promise<string>
}

/** What the gateway says of a bearer that it takes: there is nothing behind it here. */
export const letIn = '502 server_failed'

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
}

export async function startSignedIn(): Promise<SignedIn> {
  const api = await startUpstream((_request, response) => void response.end('{}'))
  const world = await startWorld({
    servers: `servers:
  crm: { url: "http://127.0.0.1:9/mcp", allow: [anyone], direct: [orders], accept: subject-token }
  erp: { url: "http://127.0.0.1:9/mcp", allow: [anyone], direct: [orders] }
downstreams:
  orders:
    url: "${api.url}"
    static: { header: X-Api-Key, value: file:api-key, per: all, owner: tests }
    operations: [{ op: GET /orders, class: read }]`,
    more: `clients:
  robot:
    id: robot
    secret: file:robot-secret
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer"]
sign_in: { registration: open }`,
    files: { 'api-key': 'the-key-of-the-company-0123456789', 'robot-secret': robotSecret },
  })
  const { running, url } = world
  const client = await world.register()
  const resource = `${url}/crm/mcp`
  const at = await walk(world.browser(), world.request(client, { resource }), { as: alice })
  const code = at.searchParams.get('code')!
  const post: SignedIn['post'] = async (path, form, headers = {}) => {
    const answer = await fetch(url + path, { method: 'POST', headers, body: new URLSearchParams(form) })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? {} : JSON.parse(text) }
  }
  const { status, body: tokens } = await post('/oauth2/token', {
    ...{ grant_type: 'authorization_code', client_id: client, code },
    ...{ redirect_uri: callback, code_verifier: verifier, resource },
  })
  expect(status, JSON.stringify(tokens)).toBe(200)
  const outcome = async (answer: Response) => {
    const body = (await answer.json().catch(() => ({}))) as Record<string, any>
    return `${answer.status} ${body['code'] ?? body['error']?.data?.code ?? ''}`.trim()
  }
  return {
    ...world,
    ...{ api, client, code, post, tokens },
    atGateway: async (bearer, server = 'crm') =>
      outcome(
        await fetch(`${url}/${server}/mcp`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${bearer}`,
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
          },
          body: JSON.stringify(initialize),
        }),
      ),
    atEgress: async (bearer) =>
      outcome(
        await fetch(`${running.egress}/downstream/orders/orders`, {
          headers: { authorization: `Bearer ${bearer}` },
        }),
      ),
    asSubject: async (token) => {
      const { status: asked, body } = await mint(running, 'crm', token)
      return `${asked} ${(body as Record<string, any>)['code'] ?? ''}`.trim()
    },
    sessionToken: async () => {
      const { mintCall, enterAt } = running.instance.identity
      const server = running.instance.config.servers.find(({ name }) => name === 'crm')!
      return mintCall(await enterAt(tokens['access_token'], server), {})
    },
  }
}
