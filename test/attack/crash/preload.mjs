/**
 * Loaded before the program by `--import`: as soon as the program writes a request with the planted credential to a
 * socket, it breaks the process in the way that CRASH names, with everything at hand in the error.
 */
import { Socket } from 'node:net'

const { CRASH, PLANTED } = process.env
delete process.env.PLANTED
const write = Socket.prototype.write
let broken = false

Socket.prototype.write = function (chunk, ...more) {
  const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1')
  const written = write.call(this, chunk, ...more)
  if (!broken && text.includes(PLANTED)) {
    broken = true
    crash(text)
  }
  return written
}

function crash(text) {
  const cause = Object.assign(new TypeError(`while sending ${text}`), {
    config: { headers: { 'x-key': PLANTED } },
  })
  const error = Object.assign(new Error(`failed: ${text}`, { cause }), { request: text })
  const ways = {
    throw: () => setImmediate(() => raise(error)),
    'throw at once': () => raise(error),
    'throw a text': () => setImmediate(() => raise(text)),
    'throw many': () => setImmediate(() => raise(new AggregateError([error, cause], text))),
    reject: () => void Promise.reject(error),
    'reject with a text': () => void Promise.reject(text),
    'error event': () =>
      setImmediate(() => process.emit('error', error) || new Socket().emit('error', error)),
    abort: () => setImmediate(() => process.abort()),
    'stack overflow': () => setImmediate(() => deepen(text)),
    'out of memory': () => setImmediate(() => fill(text)),
  }
  ways[CRASH]()
}

function raise(what) {
  throw what
}

function deepen(text) {
  return `${deepen(text)}${text}`
}

function fill(text) {
  const held = []
  for (;;) held.push(Array.from({ length: 1e5 }, (_, index) => text + index))
}
