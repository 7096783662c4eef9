/** Servers of raw TCP that break the rules of HTTP on purpose, and say what reached them. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** One request as it came: its head has arrived, its body may still be on its way. */
export interface Heard {
  readonly socket: Socket
  /** Request line and headers. */
  readonly head: string
  readonly method: string
  readonly path: string
  /** Of its connection, from 1. */
  readonly nth: number
}

export type Behaviour = (heard: Heard) => void

export interface Hostile {
  readonly port: number
  readonly url: string
  /** What is done with each request whose head has arrived. */
  behave: Behaviour
  /** What is done with each connection before anything was read from it. */
  greet: (socket: Socket) => void
  readonly heard: Heard[]
  /** Connections that are open now. */
  readonly open: ReadonlySet<Socket>
  /** All that there ever were. */
  readonly connections: number
  /** Takes no connection any more, and ends those that are open. */
  down(): Promise<void>
  up(): Promise<void>
}

export const ok = (body: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** What an honest server would do with every request. */
export const honest: Behaviour = ({ socket, path }) => {
  socket.write(ok(JSON.stringify({ path })))
}

const lengthOf = (head: string): number => Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
const isChunked = (head: string): boolean => /\r\ntransfer-encoding: *chunked/i.test(head)

/** Cuts what arrives into requests, as far as an honest caller's framing needs it. */
function reading(socket: Socket, say: (head: string) => void): void {
  let kept = ''
  let skip = 0
  let chunked = false
  socket.on('data', (bytes: Buffer) => {
    kept += bytes.toString('latin1')
    for (;;) {
      if (chunked) {
        const end = kept.indexOf('0\r\n\r\n')
        if (end === -1) {
          kept = kept.slice(-4)
          return
        }
        kept = kept.slice(end + 5)
        chunked = false
      }
      const skipped = Math.min(skip, kept.length)
      kept = kept.slice(skipped)
      skip -= skipped
      const end = kept.indexOf('\r\n\r\n')
      if (skip > 0 || end === -1) return
      const head = kept.slice(0, end + 2)
      kept = kept.slice(end + 4)
      skip = lengthOf(head)
      chunked = isChunked(head)
      say(head)
    }
  })
}

export async function startHostile(behave: Behaviour = honest): Promise<Hostile> {
  const open = new Set<Socket>()
  const heard: Heard[] = []
  let connections = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections += 1
    open.add(socket)
    // A socket that nobody reads tells nothing of its end.
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.end())
    let nth = 0
    it.greet(socket)
    reading(socket, (head) => {
      const [method = '', path = ''] = head.split(' ')
      nth += 1
      const one: Heard = { socket, head, method, path, nth }
      heard.push(one)
      it.behave(one)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const down = async (): Promise<void> => {
    for (const socket of open) socket.destroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  const it: Hostile = {
    port,
    url: `http://127.0.0.1:${port}`,
    behave,
    greet: () => undefined,
    heard,
    open,
    get connections() {
      return connections
    },
    down,
    up: async () => {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
  }
  onTestFinished(down)
  return it
}

/** Writes the pieces one after another, a pause between them, as long as somebody is there. */
export function trickle(
  socket: Socket,
  pieces: Iterable<string>,
  everyMs: number,
  after = () => undefined as unknown,
): void {
  const rest = pieces[Symbol.iterator]()
  const timer = setInterval(() => {
    const next = rest.next()
    if (next.done === true || socket.destroyed) {
      clearInterval(timer)
      if (!socket.destroyed) after()
    } else socket.write(next.value)
  }, everyMs)
  socket.on('close', () => clearInterval(timer))
}
