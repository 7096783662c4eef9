import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

interface Passed {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Stands between two programs, passes on what they say, and keeps what went one way. */
export interface Tap {
  readonly url: string
  readonly seen: Passed[]
  /** What becomes of the paths that pass: a server that asks for something else than its program says. */
  rewrite: (path: string) => string
  /** Where it leads to: an address without a path. */
  target: string
}

export async function startTap(target = ''): Promise<Tap> {
  const seen: Passed[] = []
  const server = createServer((incoming, answer) => {
    void buffer(incoming).then(
      (body) => {
        const { method = '', url = '', headers } = incoming
        seen.push({ method, path: url, headers, body: String(body) })
        const path = tap.rewrite(url)
        const { hostname, port, host } = new URL(tap.target)
        const onward = request({ hostname, port, method, path, headers: { ...headers, host } }, (it) => {
          answer.writeHead(it.statusCode ?? 502, it.headers)
          it.pipe(answer)
        })
        onward.on('error', () => answer.destroy())
        answer.on('close', () => void onward.destroy())
        onward.end(body)
      },
      () => undefined,
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const tap: Tap = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    rewrite: (path) => path,
    target,
  }
  return tap
}
