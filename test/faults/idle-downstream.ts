/** A downstream in a process of its own: event streams that say one thing and then nothing. Tells its port. */
import { createServer } from 'node:http'
import { writeSync } from 'node:fs'
import type { AddressInfo } from 'node:net'

const server = createServer((request, response) => {
  if (request.url === '/streams/1') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: open\n\n')
  } else response.end('{}')
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  writeSync(1, `${(server.address() as AddressInfo).port}\n`)
})
