/** Stands between a process and a server, passes everything on, and fails as told. */
import { once } from 'node:events'
import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What befalls a request: it is passed on, answered in the server's stead, or cut, before or after it was passed on. */
export type ProxyFate =
  | 'pass'
  | 'reset'
  | 'lose the answer'
  | { readonly status: number; readonly errors: readonly string[] }

export interface FaultProxy {
  readonly address: string
  /** How many requests have come. */
  readonly requests: number
  fate: (method: string, path: string) => ProxyFate
  close(): Promise<void>
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

async function pass(target: string, request: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
  const { method, url = '/', headers } = request
  const onward = ask(new URL(url, target), {
    ...(method === undefined ? {} : { method }),
    headers: { ...headers, host: new URL(target).host },
  })
  onward.end(body)
  const [answer] = (await once(onward, 'response')) as [IncomingMessage]
  return answer
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let requests = 0
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests += 1
    const body = await bodyOf(request)
    const fate = it.fate(request.method ?? '', request.url ?? '')
    if (fate === 'reset') return void response.socket?.resetAndDestroy()
    if (typeof fate === 'object') {
      const { status, errors } = fate
      return void response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ errors }))
    }
    const answer = await pass(target, request, body)
    if (fate === 'lose the answer') {
      answer.resume()
      return void response.socket?.resetAndDestroy()
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const it: FaultProxy = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests
    },
    fate: () => 'pass',
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return it
}
