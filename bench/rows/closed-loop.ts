import type { Row } from '../bench.ts'
import { atLeast, atMost, medianOf } from '../figures.ts'
import { measure } from '../measure.ts'
import { direct } from '../peers/direct.ts'
import { dispatch } from '../peers/dispatch.ts'
import { envoy, envoyCache } from '../peers/envoy.ts'
import { haproxy } from '../peers/haproxy.ts'
import { nginx } from '../peers/nginx.ts'
import { openbaoProxy } from '../peers/openbao-proxy.ts'
import type { Peer } from '../peers/peer.ts'
import { sallyport, sallyportGuarded } from '../peers/sallyport.ts'

const everyone: readonly Peer[] = [
  direct,
  nginx,
  dispatch,
  haproxy,
  envoyCache,
  envoy,
  openbaoProxy,
  sallyport,
  sallyportGuarded,
]

const own = sallyport.name
const guarded = sallyportGuarded.name

/** What the guard costs, wherever it is measured. */
export const guardMarks = [0.85, 0.85] as const

/** The same floor and goal, as multiples of what Node takes on this machine to forward and do nothing else. */
const dispatchMarks = [1.12, 0.89] as const

/** Floors and goals of requests per second against each peer, and so, turned over, of CPU time. */
const marks = {
  [envoyCache.name]: [1.0, 1.3],
  [envoy.name]: [2.5, 3.3],
  [haproxy.name]: [1.9, 2.5],
  [openbaoProxy.name]: [2.9, 3.8],
} as const

export const c32: Row<Peer> = {
  name: 'c32',
  about: 'small answers, 32 connections, one token',
  quick: true,
  beyondQuick: [direct.name],
  contenders: everyone,
  sample: (peer, bench) => measure(peer, { path: '/small', upstream: 'plain', connections: 32 }, bench),
  targets: (samples) => {
    const rate = (name: string) => medianOf(samples, name, 'requestsPerSecond')
    const cpu = (name: string) => medianOf(samples, name, 'cpuMicroseconds')
    const peers = Object.entries(marks)
    return [
      ...peers.map(([peer, mark]) => atLeast(`c32: requests/s ÷ ${peer}`, rate(own) / rate(peer), mark)),
      atLeast('c32: requests/s ÷ nginx', rate(own) / rate(nginx.name), [0.34, 0.45]),
      atMost('c32: CPU ÷ nginx', cpu(own) / cpu(nginx.name), [3.0, 2.3], true),
      atMost('c32: CPU ÷ node-dispatch', cpu(own) / cpu(dispatch.name), dispatchMarks, true),
      ...peers.map(([peer, mark]) => atLeast(`c32: CPU of ${peer} ÷ CPU`, cpu(peer) / cpu(own), mark, true)),
      atLeast('c32: requests/s guarded ÷ unguarded', rate(guarded) / rate(own), guardMarks),
      atLeast('c32: CPU unguarded ÷ guarded', cpu(own) / cpu(guarded), guardMarks, true),
    ]
  },
}

/** The same at other concurrencies: without marks but the guard's. */
function otherConcurrency(connections: number): Row<Peer> {
  const name = `c${connections}`
  return {
    name,
    about: `small answers, ${connections} connection${connections === 1 ? '' : 's'}, one token`,
    quick: false,
    rounds: 3,
    contenders: everyone,
    sample: (peer, bench) => measure(peer, { path: '/small', upstream: 'plain', connections }, bench),
    targets: (samples) => {
      const rate = (peer: string) => medianOf(samples, peer, 'requestsPerSecond')
      return [atLeast(`${name}: requests/s guarded ÷ unguarded`, rate(guarded) / rate(own), guardMarks)]
    },
  }
}

export const c1 = otherConcurrency(1)
export const c256 = otherConcurrency(256)
