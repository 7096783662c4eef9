/** A proxy that does nothing but forward and set one header: `dispatch.ts PORT UPSTREAM AUTHORIZATION`. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Pool } from 'undici'

const [port = '', upstream = '', authorization = ''] = process.argv.slice(2)
const pool = new Pool(upstream)
const replaced = new Set(['host', 'authorization', 'connection'])

function headersOf({ rawHeaders }: IncomingMessage): string[] {
  const headers = ['authorization', authorization]
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    if (!replaced.has(name)) headers.push(name, rawHeaders[index + 1] ?? '')
  }
  return headers
}

function forward(request: IncomingMessage, response: ServerResponse): void {
  const { method = 'GET', url = '/' } = request
  pool.dispatch(
    { method, path: url, headers: headersOf(request) },
    {
      onRequestStart: () => undefined,
      onResponseStart: (_, status, headers) => void response.writeHead(status, headers),
      onResponseData: (_, chunk) => void response.write(chunk),
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    },
  )
}

createServer(forward).listen(Number(port), '127.0.0.1')
