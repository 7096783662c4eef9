import { type DaemonOptions, untilReady } from '../../test/kit/parts/process.ts'
import { startOn, untilListening } from '../processes.ts'
import { callerHeaders, type Contender } from './peer.ts'

export interface PeerDaemon extends DaemonOptions {
  /** Where it listens on loopback. */
  readonly port: number
  /** What callers show it where nothing else is said. */
  readonly token: string
  readonly pathPrefix?: string
  /** How it is shown; `Authorization: Bearer` if not given. */
  readonly showing?: (token: string) => Readonly<Record<string, string>>
  /** Asked after it listens, until it says yes. */
  readonly ready?: () => Promise<boolean>
  /** It is killed: asked to end it would wait for its callers. */
  readonly killed?: true
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })

/** Starts a peer on the contender's core, and returns once it serves. */
export async function startPeerDaemon(options: PeerDaemon): Promise<Contender> {
  const { port, token: good, pathPrefix = '', showing = bearer, ready } = options
  const daemon = await startOn('contender', options)
  await untilListening(port, daemon)
  if (ready !== undefined) await untilReady(options.program, daemon, ready, 60)
  return {
    pid: daemon.pid,
    aim: (path, token = good) => ({
      origin: `http://127.0.0.1:${port}`,
      path: pathPrefix + path,
      headers: { ...callerHeaders, ...showing(token) },
    }),
    stop: options.killed ? daemon.kill : daemon.stop,
    log: daemon.log,
  }
}
