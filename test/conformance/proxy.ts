/** A reverse proxy that changes nothing: Host, Origin and every other header go through as they came. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Proxy {
  /** As the upstream's, path included, at the port of the proxy. */
  readonly url: string
  stop(): Promise<void>
}

/** With a token, every request gets it as its bearer: the suite has no way to send one. */
export async function startProxy(upstream: string, token?: string): Promise<Proxy> {
  const target = new URL(upstream)
  const added = token === undefined ? [] : ['Authorization', `Bearer ${token}`]
  const server = createServer((incoming, answer) => forward(target, added, { incoming, answer }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Exchange {
  readonly incoming: IncomingMessage
  readonly answer: ServerResponse
}

function forward(target: URL, added: readonly string[], { incoming, answer }: Exchange): void {
  const outgoing = request({
    host: target.hostname,
    port: target.port,
    method: incoming.method,
    path: incoming.url,
    headers: [...incoming.rawHeaders, ...added],
  })
  outgoing.on('response', (response) => {
    answer.writeHead(response.statusCode ?? 502, response.rawHeaders)
    // An event stream may say nothing for long; that it is open has to be known at once.
    answer.flushHeaders()
    response.on('error', () => answer.destroy())
    response.pipe(answer)
  })
  outgoing.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()))
  answer.on('close', () => outgoing.destroy())
  incoming.pipe(outgoing)
}
