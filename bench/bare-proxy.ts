/** A reverse proxy that does nothing but pass on, on the libraries that the egress is built on: the floor of the bench. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'

const pool = new Pool(process.argv[2] ?? '')
const server = createServer((request, response) => {
  pool.dispatch(
    { method: 'GET', path: request.url ?? '/', headers: ['x-api-key', 'a-static-key'] },
    {
      onRequestStart: () => {},
      onResponseStart: (_controller, status, headers) => void response.writeHead(status, headers),
      onResponseData: (_controller, chunk) => void response.write(chunk),
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    },
  )
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`)
})
