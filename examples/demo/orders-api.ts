/**
 * A downstream API that accepts only tokens of its own audience. It remembers whom each request was for, so that
 * the demo can show that it saw the person and not a service account.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, jwtVerify } from 'jose'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly sub: string
  readonly aud: string
}

export interface OrdersApi {
  readonly url: string
  readonly seen: readonly Seen[]
  close(): void
}

export async function startOrdersApi(options: {
  readonly issuer: string
  readonly audience: string
}): Promise<OrdersApi> {
  const keys = createRemoteJWKSet(new URL(`${options.issuer}/jwks`))
  const seen: Seen[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]
    try {
      const { payload } = await jwtVerify(token ?? '', keys, {
        issuer: options.issuer,
        audience: options.audience,
        typ: 'at+jwt',
      })
      seen.push({
        method: request.method ?? '',
        path: request.url ?? '',
        sub: payload.sub ?? '',
        aud: String(payload.aud),
      })
      answer(request, response, payload.sub ?? '')
    } catch {
      response
        .writeHead(401, { 'content-type': 'application/json' })
        .end('{"error":"a token of this API is needed"}')
    }
  }
  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, owner: string): void {
  if (request.url === '/orders/stream') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const tick = setInterval(
      () => response.write(`data: ${JSON.stringify({ order: 7, status: 'packing' })}\n\n`),
      100,
    )
    response.on('close', () => clearInterval(tick))
    return
  }
  const orders = [
    { id: 7, owner, status: 'packing' },
    { id: 8, owner, status: 'sent' },
  ]
  response.writeHead(200, { 'content-type': 'application/json', 'x-request-id': crypto.randomUUID() })
  response.end(JSON.stringify(request.method === 'DELETE' ? { deleted: true } : { orders }))
}
