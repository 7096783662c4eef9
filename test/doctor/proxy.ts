/** A reverse proxy on loopback with the habits that a test gives it. */
import { once } from 'node:events'
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Habits {
  /** What `Host` becomes; as it came where undefined. */
  readonly host?: string
  readonly path?: (path: string) => string
  /** Headers that are taken away. */
  readonly drops?: readonly string[]
  /** The answer is kept until it is whole. */
  readonly buffers?: boolean
  /** The largest body, in bytes. */
  readonly largest?: number
  /** Answers that were given once are given again. */
  readonly caches?: boolean
  /** Paths that go elsewhere, with the status that they get there. */
  readonly elsewhere?: { readonly path: RegExp; readonly status: number }
}

export interface Proxy {
  readonly url: string
  readonly port: number
  habits: Habits
  /** The port that requests go on to. */
  target: number
}

export async function startProxy(): Promise<Proxy> {
  const kept = new Map<string, { status: number; headers: IncomingMessage['headers']; body: Buffer }>()
  const server = createServer((request, response) => {
    const { habits } = it
    const path = request.url ?? '/'
    if (habits.elsewhere?.path.test(path) === true) {
      const location = habits.elsewhere.status < 400 ? { location: '/elsewhere' } : {}
      request.resume()
      response.writeHead(habits.elsewhere.status, location).end('somebody else')
      return
    }
    const present = kept.get(path)
    if (habits.caches === true && request.method === 'GET' && present !== undefined) {
      response.writeHead(present.status, present.headers).end(present.body)
      return
    }
    pass(request, response, path)
  })
  const pass = (request: IncomingMessage, response: ServerResponse, path: string): void => {
    const { host, drops = [], largest = Number.POSITIVE_INFINITY, buffers, path: rewritten } = it.habits
    if (Number(request.headers['content-length'] ?? 0) > largest) {
      request.resume()
      response.writeHead(413).end()
      return
    }
    const all = { ...request.headers, ...(host === undefined ? {} : { host }) }
    const headers = Object.fromEntries(Object.entries(all).filter(([name]) => !drops.includes(name)))
    const further = send(
      {
        port: it.target,
        host: '127.0.0.1',
        method: request.method,
        path: rewritten?.(path) ?? path,
        headers,
      },
      (answer) => {
        const chunks: Buffer[] = []
        if (buffers !== true) response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          if (buffers !== true) response.write(chunk)
        })
        answer.on('end', () => {
          const body = Buffer.concat(chunks)
          kept.set(path, { status: answer.statusCode ?? 502, headers: answer.headers, body })
          if (buffers === true) response.writeHead(answer.statusCode ?? 502).end(body)
          else response.end()
        })
      },
    )
    further.on('error', () => response.writeHead(502).end())
    request.pipe(further)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const it: Proxy = { url: `http://127.0.0.1:${port}`, port, habits: {}, target: 0 }
  return it
}
