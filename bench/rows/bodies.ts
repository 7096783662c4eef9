import type { Row } from '../bench.ts'
import { atLeast, medianOf } from '../figures.ts'
import { type Load, measure } from '../measure.ts'
import { direct } from '../peers/direct.ts'
import { envoyCache } from '../peers/envoy.ts'
import { nginx } from '../peers/nginx.ts'
import type { Peer } from '../peers/peer.ts'
import { sallyport, sallyportGuarded } from '../peers/sallyport.ts'
import { guardMarks } from './closed-loop.ts'

const rateOf = (samples: Parameters<Row['targets']>[0]) => (peer: string) =>
  medianOf(samples, peer, 'requestsPerSecond')

const contenders: readonly Peer[] = [direct, nginx, envoyCache, sallyport, sallyportGuarded]

/** Uploads are writes: sallyport has the intent of each on the disk before the credential is injected. */
export const uploads: Row<Peer> = {
  name: 'uploads',
  about: 'uploads, 32 connections, one token',
  quick: false,
  rounds: 3,
  contenders,
  sample: (peer, bench) => {
    const bodyBytes = bench.options.sizes.upload
    const load: Load = { path: '/sink', upstream: 'bodies', connections: 32, method: 'POST', bodyBytes }
    return measure(peer, load, bench)
  },
  targets: (samples) => {
    const rate = rateOf(samples)
    return [
      atLeast('uploads: requests/s ÷ envoy-cache', rate(sallyport.name) / rate(envoyCache.name), [0.6, 0.8]),
      atLeast(
        'uploads: requests/s guarded ÷ unguarded',
        rate(sallyportGuarded.name) / rate(sallyport.name),
        guardMarks,
      ),
    ]
  },
}

/** With the guard on every byte is looked at; that is reported and has no mark. */
export const large: Row<Peer> = {
  name: 'large',
  about: 'large answers, 8 connections, one token',
  quick: false,
  rounds: 3,
  contenders,
  sample: (peer, bench) => measure(peer, { path: '/large', upstream: 'plain', connections: 8 }, bench),
  targets: (samples) => {
    const rate = rateOf(samples)
    return [
      atLeast('large: requests/s ÷ envoy-cache', rate(sallyport.name) / rate(envoyCache.name), [0.45, 0.7]),
    ]
  },
}
