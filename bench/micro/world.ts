/** The rooms as the program wires them, in this process, and one request's objects at each step of its life. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/index.ts'
import { bind } from '../../src/egress/bind.ts'
import type { Bound } from '../../src/egress/context.ts'
import { decide } from '../../src/egress/decide.ts'
import { KnownAccess } from '../../src/egress/known.ts'
import { match } from '../../src/egress/match.ts'
import { receive } from '../../src/egress/receive.ts'
import { openFaces } from '../../src/faces.ts'
import type { Access, Credential, OpenCalls } from '../../src/model/index.ts'
import { createLog } from '../../src/telemetry/index.ts'
import { clock, type Instance, openInstance } from '../../src/wire.ts'
import { startIdp } from '../../test/kit/idp.ts'
import { freePort } from '../../test/kit/parts/process.ts'
import { callerHeaders, injectedValue } from '../peers/peer.ts'
import { exchangeForm } from '../peers/sallyport.ts'

export interface MicroWorld {
  readonly instance: Instance
  readonly token: string
  readonly req: IncomingMessage
  readonly door: { readonly hosts: readonly string[]; readonly origins: readonly string[] }
  readonly access: Access
  readonly known: KnownAccess
  readonly bound: Bound
  readonly credential: Credential
  readonly answered: readonly string[]
  close(): Promise<void>
}

/** The request is of a session, not of a call. */
export const noCalls: OpenCalls = { find: () => undefined }

const requestId = 'r0123456789abcdef'

/** What an upstream answers: a JSON document, a few more headers. */
const answered = [
  ...['server', 'nginx', 'date', 'Sat, 21 Nov 2026 12:00:00 GMT', 'content-type', 'application/json'],
  ...['content-length', '1024', 'connection', 'keep-alive', 'etag', '"5f3a-61c"', 'x-request-id', 'b7c1e2d4'],
  ...['cache-control', 'no-store', 'vary', 'Accept'],
]

const configuration = (folder: string, issuer: string, ports: readonly number[]): string =>
  `url: http://127.0.0.1:${ports[0]}
login: { issuer: "${issuer}", audiences: [bench] }
allow: [anyone]
direct: [api]
downstreams:
  api:
    url: http://127.0.0.1:1
    static: { per: all, value: "file:${folder}/credential", owner: bench }
    operations: [{ op: GET /orders, class: read }, { op: "GET /orders/{id}", class: read }]
key: file:${folder}/key
data: ${folder}/data
listen: { egress: "127.0.0.1:${ports[0]}", admin: "127.0.0.1:${ports[1]}", telemetry: "127.0.0.1:${ports[2]}" }
`

export async function openWorld(folder: string): Promise<MicroWorld> {
  const idp = await startIdp({ clock })
  const ports = [await freePort(), await freePort(), await freePort()]
  writeFileSync(join(folder, 'credential'), injectedValue, { mode: 0o600 })
  writeFileSync(join(folder, 'key'), Buffer.alloc(32, 7), { mode: 0o600 })
  const path = join(folder, 'sallyport.yaml')
  writeFileSync(path, configuration(folder, idp.issuer, ports))
  const config = await loadConfig(path, { form: 'single', env: {} })
  const instance = await openInstance(config, { log: createLog({ level: 'silent' }), restored: false })
  const faces = await openFaces(instance)
  const token = await mint(
    faces.egress.url,
    readFileSync(join(config.data, 'run', 'main.cap'), 'utf8').trim(),
    await idp.token({ aud: 'bench' }),
  )
  await faces.close()
  await idp.close()
  const door = { hosts: instance.egressHosts, origins: [] }
  const req = requestOf(token, ports[0] ?? 0)
  const { arrived } = receive(req, door, { id: requestId, at: clock.monotonic() })
  const access = await instance.identity.identify(token)
  const { policy, replica } = instance
  const known = new KnownAccess()
  const routed = match(arrived, access, { policy, known })
  const decision = decide(routed, { policy, gate: replica.gate, known, calls: noCalls })
  if (decision.effect !== 'allow') throw new Error(`the request is not allowed: ${decision.reason}`)
  const bound = bind({ ...routed, permit: decision.permit }, { kind: 'none' })
  const { server, downstream } = bound
  const credential = await instance.exchange.acquire({
    access,
    server,
    downstream,
    rev: replica.gate.applied,
  })
  return { instance, token, req, door, access, known, bound, credential, answered, close: instance.close }
}

/** As much of a request as the first step reads. */
function requestOf(token: string, port: number): IncomingMessage {
  const headers = { Host: `127.0.0.1:${port}`, Authorization: `Bearer ${token}`, ...callerHeaders }
  return {
    method: 'GET',
    url: '/downstream/api/orders/4711?expand=lines',
    httpVersion: '1.1',
    rawHeaders: Object.entries(headers).flat(),
    socket: {},
  } as unknown as IncomingMessage
}

async function mint(egress: string, capability: string, subjectToken: string): Promise<string> {
  const answer = await fetch(`${egress}/oauth2/token`, {
    method: 'POST',
    headers: { 'sallyport-capability': capability, 'content-type': 'application/x-www-form-urlencoded' },
    body: exchangeForm(subjectToken),
  })
  const { access_token: token } = (await answer.json()) as { access_token?: string }
  if (token === undefined) throw new Error(`no session token: ${answer.status}`)
  return token
}
