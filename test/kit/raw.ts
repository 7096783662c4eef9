/** Raw sockets on both sides of the egress, and a way to know that nothing moves any more. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { readRequests, readResponses, type WireMessage, type WireRead } from './wire.ts'

/** Whatever moves counts up; all ends of a test's connections are in this process. */
export interface Motion {
  count: number
}

/**
 * Resolves when nothing has moved for some turns of the event loop and two milliseconds. On loopback what was written
 * is there in the next turn, unless the machine is busy: who waits for something to come waits for that itself.
 */
export async function still(motion: Motion, turns = 12): Promise<void> {
  let last = -1
  let since = performance.now()
  for (let quiet = 0; quiet < turns || performance.now() - since < 2; quiet += 1) {
    if (motion.count !== last) {
      quiet = 0
      since = performance.now()
    }
    last = motion.count
    await new Promise((done) => setImmediate(done))
  }
}

export interface RawDownstream {
  readonly url: string
  /** What each connection carried, in the order of the connections. */
  readonly connections: readonly { readonly bytes: Buffer; readonly read: WireRead }[]
  /** In the same order. */
  readonly sockets: readonly Socket[]
  /** All whole requests, of one connection after the other. */
  readonly requests: readonly WireMessage[]
  /** What is written for a request; `undefined` writes nothing. By default an honest answer. */
  answer: (request: WireMessage, socket: Socket) => Answer | undefined
  /** Write answers byte by byte, each in a turn of its own, instead of in one write. */
  drips: boolean
}

/** Bytes, one a character; with `end` the connection is closed after them. */
export type Answer = string | { readonly text: string; readonly end: true }

export const fine = (body = '{"ok":true}'): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** A server of bytes: reads strictly, keeps everything, and answers what a test says. */
export async function startRawDownstream(motion: Motion = { count: 0 }): Promise<RawDownstream> {
  const connections: { bytes: Buffer; read: WireRead }[] = []
  const sockets: Socket[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    const kept = { bytes: Buffer.alloc(0), read: readRequests(Buffer.alloc(0)) }
    connections.push(kept)
    sockets.push(socket)
    motion.count += 1
    socket.on('error', () => socket.destroy())
    socket.on('close', () => void (motion.count += 1))
    socket.on('data', (chunk: Buffer) => {
      motion.count += 1
      kept.bytes = Buffer.concat([kept.bytes, chunk])
      const { messages, ...more } = readRequests(Buffer.concat([kept.read.rest, chunk]))
      kept.read = { ...more, messages: [...kept.read.messages, ...messages] }
      for (const request of messages) {
        const answer = downstream.answer(request, socket)
        if (answer !== undefined) write(socket, answer, { drips: downstream.drips, motion })
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const downstream: RawDownstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    sockets,
    get requests() {
      return connections.flatMap(({ read }) => read.messages)
    },
    answer: () => fine(),
    drips: false,
  }
  return downstream
}

function write(
  socket: Socket,
  answer: Answer,
  how: { readonly drips: boolean; readonly motion: Motion },
): void {
  const { text, end } = typeof answer === 'string' ? { text: answer, end: false } : answer
  const step = how.drips ? 1 : Math.max(1, text.length)
  const from = (at: number) => {
    how.motion.count += 1
    if (!socket.writable) return
    if (at < text.length) {
      socket.write(text.slice(at, at + step), 'latin1')
      setImmediate(from, at + step)
    } else if (end) socket.end()
  }
  from(0)
}

export interface Line {
  readonly socket: Socket
  /** What came back so far. */
  readonly received: Buffer
  readonly ended: boolean
  send(text: string | Buffer): void
  /** What came back, read as answers to these methods. */
  answers(...methods: readonly string[]): WireRead
  /** The same, as soon as there is one answer for each, or nothing comes any more. */
  answered(...methods: readonly string[]): Promise<WireRead>
}

/** How long nothing may come before it is taken that nothing will. */
const patienceMs = 4000

/** A caller of bytes. */
export async function openLine(port: number, motion: Motion = { count: 0 }): Promise<Line> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const state = { received: Buffer.alloc(0), ended: false }
  socket.on('data', (chunk: Buffer) => {
    motion.count += 1
    state.received = Buffer.concat([state.received, chunk])
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    motion.count += 1
    state.ended = true
  })
  await once(socket, 'connect')
  onTestFinished(() => {
    socket.destroy()
  })
  const answers = (...methods: readonly string[]) => readResponses(state.received, methods, state.ended)
  return {
    socket,
    get received() {
      return state.received
    },
    get ended() {
      return state.ended
    },
    send: (text) => {
      motion.count += 1
      if (typeof text === 'string') socket.write(text, 'latin1')
      else socket.write(text)
    },
    answers,
    answered: async (...methods) => {
      for (;;) {
        const read = answers(...methods)
        if (read.messages.length >= methods.length || read.fault !== undefined || state.ended) return read
        const more = await new Promise<boolean>((done) => {
          const late = setTimeout(done, patienceMs, false)
          const go = () => {
            clearTimeout(late)
            done(true)
          }
          socket.once('data', go).once('close', go)
        })
        if (!more) return read
      }
    },
  }
}

/**
 * Bytes as they stand to a listener, over one connection: what came back when it ends, is whole, or has not come within
 * `patienceMs`, since a request that is never finished is never answered.
 */
export function askRaw(port: number, bytes: string | Buffer, patienceMs: number): Promise<string> {
  return new Promise((resolve) => {
    let came = ''
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    })
    const done = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(came)
    }
    const timer = setTimeout(done, patienceMs)
    socket.on('data', (chunk) => {
      came += chunk.toString('latin1')
      if (isWhole(came)) done()
    })
    socket.on('error', done)
    socket.on('close', done)
  })
}

function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n')
  if (end === -1) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, end))?.[1]
  return length === undefined ? answer.endsWith('0\r\n\r\n') : answer.length >= end + 4 + Number(length)
}
