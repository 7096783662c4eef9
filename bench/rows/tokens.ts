import type { Row } from '../bench.ts'
import { atMost, medianOf } from '../figures.ts'
import { measure } from '../measure.ts'
import { envoy } from '../peers/envoy.ts'
import type { Peer } from '../peers/peer.ts'
import { sallyport, sallyportGuarded } from '../peers/sallyport.ts'

/**
 * Nothing can be remembered: each request has to be verified anew. Beside Envoy, which verifies each as it comes (ES256;
 * ours are EdDSA, which takes longer, but for junk, which mostly is no point of the curve and refused at once).
 */
function unseen(tokens: 'fresh' | 'junk', about: string, contenders: readonly Peer[]): Row<Peer> {
  const name = `${tokens}-tokens`
  return {
    name,
    about,
    quick: true,
    beyondQuick: [sallyportGuarded.name],
    rounds: 3,
    contenders,
    sample: (peer, bench) =>
      measure(peer, { path: '/small', upstream: 'plain', connections: 32, tokens }, bench),
    targets: (samples) => {
      const cpu = (peer: string) => medianOf(samples, peer, 'cpuMicroseconds')
      return [atMost(`${name}: CPU ÷ envoy`, cpu(sallyport.name) / cpu(envoy.name), [1.3, 1.0], true)]
    },
  }
}

export const freshTokens = unseen('fresh', 'a token of its own for every request, 32 connections', [
  envoy,
  sallyport,
  sallyportGuarded,
])

/** None of them reaches the upstream, so there is no answer to guard. */
export const junkTokens = unseen(
  'junk',
  'well-formed tokens with a junk signature, each refused, 32 connections',
  [envoy, sallyport],
)
