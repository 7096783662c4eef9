/** A whole instance whose people have grants with refresh tokens, at an authorization server that forgives nothing. */
import { expect, onTestFinished } from 'vitest'
import { temporaryFolder } from '../kit/folder.ts'
import { freePorts, mint, type Running, startInstance } from '../kit/instance.ts'
import { startStrictServer, type StrictServer } from '../kit/strict-as.ts'
import { startUpstream, type Upstream } from '../kit/upstream.ts'

const resource = 'https://crm.example/mcp'

export interface Kept {
  readonly as: StrictServer
  readonly api: Upstream & { answer: (authorization: string) => number }
  running: Running
  session(person: string): Promise<string>
  /** What a request with this session token is answered. */
  ask(token: string): Promise<{ readonly status: number; readonly code: string | undefined }>
  revoke(person: string): ReturnType<Running['admin']>
  /** Ends it in good order, and starts it again on the same data and ports. */
  restart(): Promise<void>
}

export async function startKept(): Promise<Kept> {
  const as = await startStrictServer()
  onTestFinished(as.close)
  const upstream = await startUpstream((request, response) => {
    response.writeHead(api.answer(request.headers.authorization ?? '')).end('{}')
  })
  const api = { ...upstream, answer: (_authorization: string) => 200 }
  const [folder, ports] = [temporaryFolder(), await freePorts()]
  const start = () =>
    startInstance({
      ...{ form: 'single', folder, ports },
      files: { client: 'client-secret', key: 'a key of thirty-two bytes or more.' },
      config: () => `tenant: acme
login: { issuer: "${as.issuer}", client: { id: sallyport, secret: file:client } }
key: file:key
servers:
  crm: { url: "http://127.0.0.1:1/mcp", resource: "${resource}", allow: [anyone], direct: [orders] }
downstreams:
  orders: { url: "${api.url}", resource: "https://orders.example", exchange: { audience: orders-api, refresh: true }, operations: [{ op: "GET /orders", class: read }] }
`,
    } as const)
  const kept: Kept = {
    as,
    api,
    running: await start(),
    async session(person) {
      const exp = Math.floor(Date.now() / 1000) + 600
      const subject = await as.subjectToken(person, { exp, aud: resource, client_id: 'chat', scope: 'read' })
      const minted = await mint(kept.running, 'crm', subject)
      expect(minted.status, JSON.stringify(minted.body)).toBe(200)
      return minted.token
    },
    async ask(token) {
      const headers = { authorization: `Bearer ${token}` }
      const answer = await fetch(`${kept.running.egress}/downstream/orders/orders`, { headers })
      const { code } = (await answer.json()) as { code?: string }
      return { status: answer.status, code }
    },
    revoke: (person) =>
      kept.running.admin('POST', '/v1/revocations', {
        scope: { kind: 'user', id: person },
        cause: 'left',
        wait: 'providers',
        wait_s: 10,
      }),
    async restart() {
      await kept.running.stop()
      kept.running = await start()
    },
  }
  return kept
}
