import { setTimeout as pause } from 'node:timers/promises'
import type { Bench, Row, Sample } from '../bench.ts'
import { atMost, medianOf } from '../figures.ts'
import { holdStreams, wrk } from '../load/generate.ts'
import { startChecked } from '../measure.ts'
import { envoyCache } from '../peers/envoy.ts'
import { nginx } from '../peers/nginx.ts'
import type { Peer } from '../peers/peer.ts'
import { sallyport, sallyportGuarded } from '../peers/sallyport.ts'
import { memoryOf } from '../processes.ts'

const streamCount = 1000

/**
 * Resident memory: of a process that has answered its first requests, after the load of a run at 32 connections, and
 * of another process that holds open streams. RSS counts in full what processes share, which is little but for
 * nginx's master and worker: for nginx it is the proportional share.
 */
export const memory: Row<Peer> = {
  name: 'memory',
  about: `resident memory: idle, after load at 32 connections, with ${streamCount} open event streams`,
  quick: false,
  rounds: 3,
  contenders: [nginx, envoyCache, sallyport, sallyportGuarded],
  sample: async (peer, bench) => ({ ...(await loaded(peer, bench)), ...(await streaming(peer, bench)) }),
  targets: (samples) => {
    const of = (figure: string) => medianOf(samples, sallyport.name, figure)
    return [
      atMost('memory: idle, MB', of('idle'), [100, 65]),
      atMost('memory: loaded, MB', of('loaded'), [150, 85]),
      atMost('memory: with 1,000 open streams, MB', of('streams'), [145, 100]),
    ]
  },
}

const residentOf = (peer: Peer, pid: number | undefined): number =>
  memoryOf(pid)[peer.name === nginx.name ? 'pss' : 'rss']

async function loaded(peer: Peer, bench: Bench): Promise<Sample> {
  const under = await startChecked(peer, 'plain', bench)
  try {
    const { contender } = under
    await pause(1000)
    const idle = residentOf(peer, contender.pid)
    const seconds = bench.options.warmSeconds + bench.options.seconds
    await wrk(contender.aim('/small'), { wrk: bench.tools.wrk, connections: 32, seconds })
    const after = residentOf(peer, contender.pid)
    await under.finish(32)
    return { idle, loaded: after }
  } catch (error) {
    await under.abort()
    throw error
  }
}

async function streaming(peer: Peer, bench: Bench): Promise<Sample> {
  const under = await startChecked(peer, 'bodies', bench)
  try {
    const { contender, folder } = under
    const held = await holdStreams(contender.aim('/sse'), {
      load: bench.tools.load,
      folder,
      count: streamCount,
    })
    await pause(2000)
    const streams = residentOf(peer, contender.pid)
    await held.close()
    await under.finish(0)
    return { streams }
  } catch (error) {
    await under.abort()
    throw error
  }
}
