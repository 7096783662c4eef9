/** An authorization server whose endpoints can be made to fail one by one. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { onTestFinished } from 'vitest'

type Endpoint = 'discovery' | 'keys' | 'token'
type Fault = (request: IncomingMessage, response: ServerResponse) => void

export interface FaultyIdp {
  readonly issuer: string
  /** In place of the answer; honest where there is none. */
  readonly faults: Map<Endpoint, Fault>
  count(endpoint: Endpoint): number
  subject(user: string): Promise<string>
  down(): Promise<void>
  up(): Promise<void>
}

const paths: Readonly<Record<string, Endpoint>> = {
  '/.well-known/openid-configuration': 'discovery',
  '/keys': 'keys',
  '/token': 'token',
}

export async function startFaultyIdp(): Promise<FaultyIdp> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }
  const faults = new Map<Endpoint, Fault>()
  const asked: Endpoint[] = []
  const sign = (claims: Record<string, unknown>) =>
    new SignJWT({ iss: issuer, client_id: 'chat', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
      .setIssuedAt()
      .setExpirationTime('5m')
      .setJti(crypto.randomUUID())
      .sign(privateKey)
  const json = (response: ServerResponse, body: unknown) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const honest: Readonly<Record<Endpoint, (form: URLSearchParams, response: ServerResponse) => unknown>> = {
    discovery: (_form, response) =>
      json(response, { issuer, jwks_uri: `${issuer}/keys`, token_endpoint: `${issuer}/token` }),
    keys: (_form, response) => json(response, { keys: [jwk] }),
    token: async (form, response) => {
      const [, payload = ''] = (form.get('subject_token') ?? '').split('.')
      const { sub } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }
      json(response, {
        access_token: await sign({ sub, aud: form.get('audience') }),
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 300,
      })
    },
  }
  const server = createServer((request, response) => {
    const endpoint = paths[request.url ?? '']
    if (endpoint === undefined) {
      response.writeHead(404).end()
      return
    }
    asked.push(endpoint)
    const fault = faults.get(endpoint)
    if (fault !== undefined) {
      fault(request, response)
      return
    }
    let body = ''
    request.on('data', (chunk: Buffer) => (body += String(chunk)))
    request.on('end', () => honest[endpoint](new URLSearchParams(body), response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const issuer = `http://127.0.0.1:${port}`
  const down = async () => {
    server.closeAllConnections()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  onTestFinished(down)
  return {
    issuer,
    faults,
    count: (endpoint) => asked.filter((it) => it === endpoint).length,
    subject: (user) => sign({ sub: user, aud: 'https://crm.example' }),
    down,
    up: async () => {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
  }
}
