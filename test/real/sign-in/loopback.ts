import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** Where an application on the person's own machine waits for the browser to come back (RFC 8252 §7.3). */
export interface Loopback {
  readonly redirect: string
  /** The address that the browser came back to. */
  readonly answered: Promise<URL>
}

export async function listenForAnswer(): Promise<Loopback> {
  const answered = Promise.withResolvers<URL>()
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', redirect)
    const isAnswer = url.pathname === '/callback'
    response
      .writeHead(isAnswer ? 200 : 404, { 'content-type': 'text/html' })
      .end('<p>You can go back to the app.</p>')
    if (isAnswer) answered.resolve(url)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const redirect = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`
  return { redirect, answered: answered.promise }
}
