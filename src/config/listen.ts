import { isIP } from 'node:net'
import type { ListenAddress } from './config.ts'
import type { ExpandedListen } from './expanded.ts'
import { isLoopbackHost } from '../egress/index.ts'

/** `127.0.0.1:9180`, `[::1]:9180` or `unix:/run/sallyport.sock` in parts, or why it is none. */
export function parseListen({ address, insecure }: ExpandedListen): ListenAddress | string {
  if (address.startsWith('unix:')) {
    const socket = address.slice('unix:'.length)
    if (!socket.startsWith('/') || socket.length > 100)
      return 'a socket path begins with / and has at most 100 characters'
    return { host: '', port: 0, socket, insecure }
  }
  const [, v6, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/i.exec(address) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  if (host === undefined || port > 65_535) return 'this is no host:port, [v6]:port or unix:/path'
  if (isIP(host) === 0 && host !== 'localhost') return 'the host to listen on is an address or localhost'
  return { host, port, insecure }
}

/** Can only this machine reach it? */
export function isLocal(address: ListenAddress): boolean {
  return address.socket !== undefined || isLoopbackHost(address.host)
}

/** Would a request to this host and port arrive at the listener? Names that are not literal are not resolved. */
export function reaches(address: ListenAddress, host: string, port: number): boolean {
  if (address.socket !== undefined || address.port !== port) return false
  const bare = host.replaceAll(/[[\]]/g, '')
  if (bare === address.host) return true
  const wild = address.host === '0.0.0.0' || address.host === '::'
  return isLoopbackHost(bare) && (wild || isLoopbackHost(address.host))
}
