import type { IncomingMessage } from 'node:http'
import { SallyportError } from '../model/index.ts'
import type { FormReader } from './form-reader.ts'
import { giveBack } from './give-back.ts'

/**
 * A request body on its way. A short one whose length is declared is taken in whole: it leaves in one write with its
 * header, and it can be sent once more after a 401. Every other one streams and is sent once.
 */
export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | {
      readonly kind: 'stream'
      readonly source: IncomingMessage
      readonly length?: number
      /** Set where it is a form: asked about each chunk before that goes on. */
      readonly form?: FormReader
    }

/** Declared bodies up to this many bytes are taken in whole. */
export const wholeBodyBytes = 65_536

const none: Body = { kind: 'none' }

/**
 * The body of a request whose head has been judged. Synchronous unless a short body has yet to arrive. `compared`: it
 * can only go on once it was read, so a chunked one is taken in as well.
 * @throws caller_left before its end, caller_stalled where it takes longer than `stallMs`, call_body_unreadable where
 *   it has to be compared and is too long
 */
export function receiveBody(
  req: IncomingMessage,
  head: { readonly length: number | undefined; readonly chunked: boolean },
  stallMs: number,
  compared = false,
): Body | Promise<Body> {
  const { length, chunked } = head
  if (chunked) return compared ? collect(req, stallMs) : { kind: 'stream', source: req }
  if (length === undefined || length === 0) return none
  if (length <= wholeBodyBytes) return collect(req, stallMs)
  if (compared) throw new SallyportError('call_body_unreadable')
  return { kind: 'stream', source: req, length }
}

type Failure = 'caller_left' | 'caller_stalled' | 'call_body_unreadable'

function collect(req: IncomingMessage, stallMs: number): Promise<Body> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const fail = (code: Failure) => {
      clearTimeout(timer)
      reject(new SallyportError(code))
    }
    const left = () => fail('caller_left')
    const timer = setTimeout(() => fail('caller_stalled'), stallMs)
    const take = (chunk: Buffer) => {
      length += chunk.length
      chunks.push(chunk)
      if (length <= wholeBodyBytes) return
      // The rest is let go as it comes, so that the caller gets to read the answer.
      chunks.length = 0
      req.off('data', take).resume()
      fail('call_body_unreadable')
    }
    req.on('data', take)
    req.once('error', left)
    req.once('close', left)
    req.once('end', () => {
      clearTimeout(timer)
      // It closes after its end too, and an error that nobody is told of costs as much as one that is.
      req.off('close', left)
      resolve(length === 0 ? none : { kind: 'whole', bytes: joined(chunks) })
    })
  })
}

function joined(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces
  if (pieces.length === 1 && first !== undefined) return first
  const whole = Buffer.concat(pieces)
  // Nobody else has them: Node copied each out of its own page.
  for (const piece of pieces) giveBack(piece)
  return whole
}
