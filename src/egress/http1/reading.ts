import type { OnReadOpts, Socket } from 'node:net'

type Take = (bytes: Buffer) => void

const page = Buffer.allocUnsafeSlow(65_536)
const takers = new WeakMap<object, Take>()

/**
 * What sockets to downstreams are opened with: all of them read into one page, and what came is copied out of it at
 * once, so that nothing of one answer can be seen in another. Without it Node allocates 64 KiB for every read.
 */
export const readIntoPage: OnReadOpts = {
  buffer: page,
  callback(this: object, size: number) {
    takers.get(this)?.(Buffer.from(page.subarray(0, size)))
    return true
  },
}

/** `take` is told of all that comes, whether or not the socket was opened with `readIntoPage`. */
export function readFrom(socket: Socket, take: Take): void {
  takers.set(socket, take)
  socket.on('data', take)
}
