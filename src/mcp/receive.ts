import type { IncomingMessage } from 'node:http'
import { checkHost } from '../egress/index.ts'
import { SallyportError } from '../model/index.ts'
import { Gathered } from './gathered.ts'
import type { Head } from './head.ts'
import type { GatewaySlice } from './inside.ts'

/**
 * Whom a listener answers: a browser sends `Host` as the page's address says it, and `Origin` of the page, so neither a
 * name that was rebound nor a foreign page gets further than this.
 * @throws host_refused, origin_refused
 */
export function checkDoor({ host, origin }: Head, slice: Pick<GatewaySlice, 'hosts' | 'origins'>): void {
  checkHost(host, slice)
  if (origin === undefined || slice.origins.includes(origin)) return
  const own = /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1]
  if (own === undefined || own !== host) throw new SallyportError('origin_refused')
}

/** JSON is UTF-8 (RFC 8259 §8.1). A server that believes another charset reads another message than we do. */
const mediaType = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i

/**
 * The whole body of a message.
 * @throws media_type_refused, body_too_large, caller_left, caller_stalled
 */
export async function collect(req: IncomingMessage, head: Head, slice: GatewaySlice): Promise<Buffer> {
  const { messageBytes, stallMs } = slice
  if (!mediaType.test(head.type ?? '') || head.encoded) throw new SallyportError('media_type_refused')
  // The listener makes no stream for a request that declares no body.
  if (!head.chunked && (head.length ?? 0) === 0) return Promise.resolve(Buffer.alloc(0))
  return new Promise((resolve, reject) => {
    const body = new Gathered()
    const end = (settle: () => void) => {
      clearTimeout(timer)
      req.off('data', take)
      req.off('close', left)
      settle()
    }
    const fail = (code: 'body_too_large' | 'caller_left' | 'caller_stalled') =>
      end(() => reject(new SallyportError(code)))
    const left = () => fail('caller_left')
    const take = (piece: Buffer) => {
      if (body.size + piece.length > messageBytes) fail('body_too_large')
      else body.add(piece)
    }
    const timer = setTimeout(() => fail('caller_stalled'), stallMs)
    if (head.length !== undefined && head.length > messageBytes) {
      fail('body_too_large')
      return
    }
    req.on('data', take)
    req.once('end', () => end(() => resolve(body.take())))
    req.once('close', left)
    req.on('error', left)
  })
}
