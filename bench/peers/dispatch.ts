import { join } from 'node:path'
import { freePort } from '../../test/kit/parts/process.ts'
import { startPeerDaemon } from './daemon.ts'
import { bearerOf, injectedValue, type Peer } from './peer.ts'

/**
 * node:http and undici's dispatch, and nothing else: no token is looked at, nothing decided, nothing recorded. What Node
 * reaches on the machine at hand. The floors were set where this took 2.3 times nginx's CPU.
 */
export const dispatch: Peer = {
  name: 'node-dispatch',
  injects: bearerOf(injectedValue),
  verifies: false,
  start: async ({ tokens, folder, upstream }) => {
    const port = await freePort()
    return startPeerDaemon({
      program: process.execPath,
      args: [
        join(import.meta.dirname, '..', 'load', 'dispatch.ts'),
        String(port),
        upstream,
        `Bearer ${injectedValue}`,
      ],
      logFile: join(folder, 'dispatch.log'),
      port,
      token: tokens.good,
    })
  },
}
