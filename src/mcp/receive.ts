import type { IncomingMessage } from 'node:http'
import { checkHost } from '../egress/index.ts'
import { SallyportError } from '../model/index.ts'
import type { GatewaySlice } from './inside.ts'
import type { Head } from './head.ts'

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

/**
 * The whole body of a message.
 * @throws body_too_large, caller_left, caller_stalled
 */
export function collect(req: IncomingMessage, head: Head, slice: GatewaySlice): Promise<Buffer> {
  const { messageBytes, stallMs } = slice
  // The listener makes no stream for a request that declares no body.
  if (!head.chunked && (head.length ?? 0) === 0) return Promise.resolve(Buffer.alloc(0))
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let size = 0
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
      size += piece.length
      if (size > messageBytes) fail('body_too_large')
      else pieces.push(piece)
    }
    const timer = setTimeout(() => fail('caller_stalled'), stallMs)
    if (head.length !== undefined && head.length > messageBytes) {
      fail('body_too_large')
      return
    }
    req.on('data', take)
    req.once('end', () => end(() => resolve(Buffer.concat(pieces))))
    req.once('close', left)
    req.on('error', left)
  })
}
