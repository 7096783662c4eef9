import type { Bench, Row, Sample } from '../bench.ts'
import { atMost, medianOf } from '../figures.ts'
import { openLoop } from '../load/generate.ts'
import { startChecked } from '../measure.ts'
import { direct } from '../peers/direct.ts'
import { envoy, envoyCache } from '../peers/envoy.ts'
import { nginx } from '../peers/nginx.ts'
import type { Peer } from '../peers/peer.ts'
import { sallyport, sallyportGuarded } from '../peers/sallyport.ts'
import { cpuOf } from '../processes.ts'

const rate = 2000

/** As traffic comes that nobody slows down: what a contender adds to the time of a request is read against `direct`. */
export const open: Row<Peer> = {
  name: 'open',
  about: `small answers, open loop of ${rate} requests/s on 32 connections; latency from when each was due`,
  quick: false,
  contenders: [direct, nginx, envoyCache, envoy, sallyport, sallyportGuarded],
  sample,
  targets: (samples) => {
    const added = (name: string, figure: string) =>
      medianOf(samples, name, figure) - medianOf(samples, direct.name, figure)
    return [sallyport, sallyportGuarded].flatMap(({ name }) => [
      atMost(`open: p50 that ${name} adds, ms`, added(name, 'p50'), [0.25, 0.15]),
      atMost(`open: p99 that ${name} adds, ms`, added(name, 'p99'), [1.5, 0.8]),
    ])
  },
}

async function sample(peer: Peer, bench: Bench): Promise<Sample> {
  const under = await startChecked(peer, 'plain', bench)
  try {
    const { contender, folder } = under
    const { warmSeconds, seconds } = bench.options
    const cpuBefore = cpuOf(contender.pid)
    const result = await openLoop(contender.aim('/small'), {
      load: bench.tools.load,
      folder,
      rate,
      warmSeconds,
      seconds,
    })
    const cpu = cpuOf(contender.pid) - cpuBefore
    if (result.failed > 0) throw new Error(`${result.failed} connections failed`)
    await under.finish(0)
    const { p50, p90, p99, max } = result
    return { p50, p90, p99, max, cpuMicroseconds: cpu / (rate * (warmSeconds + seconds)) }
  } catch (error) {
    await under.abort()
    throw error
  }
}
