import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose'
import { onTestFinished } from 'vitest'

export interface Upstream {
  readonly url: string
  /** What reached it, in order. */
  readonly seen: {
    readonly method: string
    readonly path: string
    readonly headers: IncomingMessage['headers']
  }[]
}

async function listening(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A downstream that answers as it is told. */
export async function startUpstream(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Upstream> {
  const seen: Upstream['seen'] = []
  const url = await listening((request, response) => {
    seen.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers })
    answer(request, response)
  })
  return { url, seen }
}

/** A resource server that takes tokens of one issuer and audience only, and answers with the claims it saw. */
export async function startResourceServer(input: {
  readonly issuer: string
  readonly jwks: string
  readonly audience: string
}): Promise<Upstream & { readonly claims: JWTPayload[] }> {
  const keys = createRemoteJWKSet(new URL(input.jwks))
  const claims: JWTPayload[] = []
  const verified = new Map<string, Promise<JWTPayload>>()
  const verify = (token: string): Promise<JWTPayload> => {
    const known = verified.get(token)
    if (known !== undefined) return known
    const fresh = jwtVerify(token, keys, { issuer: input.issuer, audience: input.audience }).then(
      ({ payload }) => payload,
    )
    verified.set(token, fresh)
    return fresh
  }
  const upstream = await startUpstream((request, response) => {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    verify(token).then(
      (payload) => {
        claims.push(payload)
        if (request.url === '/orders/stream') {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          response.write('data: open\n\n')
          return
        }
        response.writeHead(200, { 'content-type': 'application/json', 'x-request-id': 'upstream-1' })
        response.end(JSON.stringify({ sub: payload.sub, aud: payload.aud }))
      },
      () => response.writeHead(401).end(),
    )
  })
  return { ...upstream, claims }
}

/**
 * Every HTTP request that anything in this process sends, whatever it speaks through: what is written to a socket and
 * begins as a request does. By the place it goes to.
 */
export function countRequests(): { readonly to: (url: string) => number; readonly all: readonly string[] } {
  const all: string[] = []
  const { write } = Socket.prototype
  const counted = function (this: Socket, ...args: Parameters<typeof write>): boolean {
    const [chunk] = args
    const start = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1', 0, 2048)
    const line = /^([A-Z]+ \S+) HTTP\/1\.1\r\n/.exec(start)?.[1]
    if (line !== undefined) all.push(`${this.remotePort} ${line}`)
    return write.apply(this, args)
  } as typeof write
  Socket.prototype.write = counted
  onTestFinished(() => {
    Socket.prototype.write = write
  })
  const portOf = ({ port, protocol }: URL) => port || (protocol === 'https:' ? '443' : '80')
  return { all, to: (url) => all.filter((it) => it.startsWith(`${portOf(new URL(url))} `)).length }
}
