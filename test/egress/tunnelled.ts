import { once } from 'node:events'
import { connect, createServer, type Server, Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { certificateFor } from '../kit/certificate.ts'
import { listen, token } from './world.ts'

const certificate = certificateFor('localhost', '127.0.0.1')

/** A server behind a tunnel, and the sockets that it was given. */
export interface Target {
  readonly server: Server
  readonly port: number
  readonly place: string
  /** Connections, whether they got to speak TLS or not. */
  readonly sockets: Socket[]
  /** Those that did, from its inside. */
  readonly secured: TLSSocket[]
  close(): Promise<void>
}

async function target(server: Server): Promise<Target> {
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
  })
  const secured: TLSSocket[] = []
  server.on('secureConnection', (socket: TLSSocket) => secured.push(socket))
  const port = await listen(server)
  return {
    server,
    port,
    place: `localhost:${port}`,
    sockets,
    secured,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** TLS, and then whatever the handler does. */
export function tlsTarget(handle: (socket: TLSSocket) => void): Promise<Target> {
  const server = createTlsServer({ ...certificate, allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    handle(socket)
  })
  return target(server)
}

/** Bytes, without TLS. */
export function plainTarget(handle: (socket: Socket) => void): Promise<Target> {
  return target(createServer({ allowHalfOpen: true }, handle))
}

/** What a client sends to get a tunnel. */
export function asking(place: string, head: readonly string[] = [`Host: ${place}`, bearing]): string {
  return [`CONNECT ${place} HTTP/1.1`, ...head, '', ''].join('\r\n')
}

export const bearing = `Proxy-Authorization: Basic ${Buffer.from(`x:${token}`).toString('base64')}`

export interface Asked {
  readonly socket: Socket
  readonly status: number
  /** Head and, of a refusal, body. */
  readonly answer: string
}

/** Sends bytes as they stand and reads one answer: a head, or a head and what its length says. */
export async function call(port: number, text: string | Buffer): Promise<Asked> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.write(text)
  let answer = ''
  while (!isWhole(answer)) {
    const chunk = await nextChunk(socket)
    if (chunk === undefined) break
    answer += chunk.toString('latin1')
  }
  return { socket, answer, status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]) }
}

/** The next bytes that a socket has, or undefined at its end. */
export async function nextChunk(socket: Socket): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = socket.read() as Buffer | null
    if (chunk !== null) return chunk
    if (socket.readableEnded || socket.destroyed) return undefined
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off('readable', done).off('end', done).off('close', done)
        resolve()
      }
      socket.on('readable', done).on('end', done).on('close', done)
    })
  }
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n')
  if (end === -1) return false
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(answer.slice(0, end))?.[1] ?? 0)
  return answer.length >= end + 4 + length
}

/** TLS over a tunnel that stands. */
export async function secure(socket: Socket, servername = 'localhost'): Promise<TLSSocket> {
  const tls = connectTls({ socket, servername, ca: certificate.cert })
  await once(tls, 'secureConnect')
  tls.on('error', () => undefined)
  return tls
}

/** The first bytes of a real client that names this host, or none. */
export async function realHello(servername: string): Promise<Buffer> {
  const server = createServer()
  const port = await listen(server)
  const client = connectTls({ port, host: '127.0.0.1', servername, rejectUnauthorized: false })
  client.on('error', () => undefined)
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return chunk
}

/** Resolves when the other side has ended the connection, whole or by a reset. */
export async function ended(socket: Socket): Promise<void> {
  socket.resume()
  if (socket.readableEnded || socket.closed) return
  await new Promise<void>((resolve) => {
    socket.once('end', resolve).once('close', resolve)
  })
}
