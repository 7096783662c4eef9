/** A whole instance with an identity provider that exchanges, people of one's own making, and a downstream of raw bytes. */
import { expect } from 'vitest'
import { type ExchangingIdp, startExchangingIdp } from '../kit/exchanging-idp.ts'
import { type Ports, mint, type Running, startInstance } from '../kit/instance.ts'
import { type Line, type Motion, openLine, type RawDownstream, startRawDownstream } from '../kit/raw.ts'
import type { WireMessage } from '../kit/wire.ts'

export const resources = { crm: 'https://crm.example/mcp', hr: 'https://hr.example/mcp' } as const
export type ServerName = keyof typeof resources

export interface Bank {
  readonly idp: ExchangingIdp
  readonly api: RawDownstream
  readonly running: Running
  readonly motion: Motion
  readonly port: number
  subject(person: string, server?: ServerName, claims?: Record<string, unknown>): Promise<string>
  session(person: string, server?: ServerName, more?: Readonly<Record<string, string>>): Promise<string>
  connect(person: string, value: string, server?: ServerName): Promise<void>
  line(): Promise<Line>
  /** One request over a connection of its own, without its `Host` and token, and the answer to it. */
  ask(token: string | undefined, request: string): Promise<WireMessage>
}

/**
 * Downstreams of one origin: `a` and `b` by exchange, `own` by what each person puts in, `payroll` by a key that only
 * the server `hr` may use.
 */
export async function startBank(ports?: Ports): Promise<Bank> {
  const idp = await startExchangingIdp()
  const motion = { count: 0 }
  const api = await startRawDownstream(motion)
  const operations = '[{ op: "GET /things/{id}", class: read }, { op: "POST /things/{id}", class: write }]'
  const running = await startInstance({
    form: 'single',
    ...(ports === undefined ? {} : { ports }),
    files: { client: 'client-secret', key: 'a key of thirty-two bytes or more.', payroll: 'key-of-payroll' },
    config: () =>
      `tenant: acme
login: { issuer: "${idp.issuer}", client: { id: sallyport, secret: file:client } }
key: file:key
servers:
  crm: { url: "http://127.0.0.1:1/mcp", resource: "${resources.crm}", allow: [anyone], direct: [a, b, own, "a POST /things/{id}"] }
  hr: { url: "http://127.0.0.1:2/mcp", resource: "${resources.hr}", allow: [anyone], direct: [a, own, payroll] }
downstreams:
  a: { url: "{api}/a", resource: "https://a.example", exchange: { audience: a-api }, operations: ${operations} }
  b: { url: "{api}/b", resource: "https://b.example", exchange: { audience: b-api }, operations: ${operations} }
  own: { url: "{api}/own", resource: "https://own.example", static: { header: Authorization, prefix: "Bearer ", per: user }, operations: ${operations} }
  payroll: { url: "{api}/payroll", resource: "https://payroll.example", static: { header: Authorization, prefix: "Bearer ", value: file:payroll, per: all, owner: hr }, operations: ${operations} }
`.replaceAll('{api}', api.url),
  })
  const { host, port } = new URL(running.egress)
  const subject: Bank['subject'] = (person, server = 'crm', claims = {}) =>
    idp.subject({ sub: person, client_id: 'chat', aud: resources[server], scope: 'read', ...claims })
  const line = () => openLine(Number(port), motion)
  return {
    idp,
    api,
    running,
    motion,
    port: Number(port),
    subject,
    session: async (person, server = 'crm', more = {}) => {
      const minted = await mint(running, server, await subject(person, server), more)
      expect(minted.status, JSON.stringify(minted.body)).toBe(200)
      return minted.token
    },
    connect: async (person, value, server = 'crm') => {
      const body = { downstream: 'own', server, user: person, value }
      expect((await running.admin('POST', '/v1/connections', body)).status).toBe(200)
    },
    line,
    ask: async (token, request) => {
      const one = await line()
      const [start = '', ...rest] = request.split('\r\n')
      const authorization = token === undefined ? [] : [`Authorization: Bearer ${token}`]
      one.send([start, `Host: ${host}`, ...authorization, ...rest].join('\r\n'))
      const method = start.split(' ', 1)[0]!
      const { messages, fault } = await one.answered(method)
      one.socket.destroy()
      expect(fault).toBeUndefined()
      expect(messages).toHaveLength(1)
      return messages[0]!
    },
  }
}

export const get = (path: string, lines = ''): string => `GET /downstream${path} HTTP/1.1\r\n${lines}\r\n`
export const post = (path: string, body = '{}', lines = ''): string =>
  `POST /downstream${path} HTTP/1.1\r\nContent-Type: application/json\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`
export const chunked = (path: string): string =>
  `POST /downstream${path} HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`
export const statusOf = ({ start }: WireMessage): number => Number(start.slice(9, 12))
export const codeOf = ({ body }: WireMessage): string =>
  (JSON.parse(body.toString()) as { code: string }).code
