import type { Row } from '../bench.ts'
import { atMost, medianOf } from '../figures.ts'
import { measureMessage, measureStreams } from '../gateway/measure.ts'
import { direct, envoy, type GatewayPeer, nginx, sallyport } from '../gateway/peers.ts'

const everyone = [direct, nginx, envoy, sallyport]

/** No floor is set for these: what the gateway costs beside what only passes bytes on is reported. */
const reported = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as const

function messageRow(of: 'call' | 'list', connections: number): Row<GatewayPeer> {
  const name = connections === 32 ? `gateway-${of}` : `gateway-${of}-c${connections}`
  return {
    name,
    about: `MCP: tools/${of} through the gateway, ${connections} connection${connections === 1 ? '' : 's'}, one token`,
    quick: false,
    rounds: 3,
    contenders: everyone,
    sample: (peer, bench) => measureMessage(peer, { of, connections }, bench),
    targets: (samples) => {
      const of = (peer: GatewayPeer, figure: string) => medianOf(samples, peer.name, figure)
      const ratio = (peer: GatewayPeer, figure: string) => of(sallyport, figure) / of(peer, figure)
      return [nginx, envoy].flatMap((peer) => [
        atMost(`${name}: CPU ÷ ${peer.name} as a plain proxy`, ratio(peer, 'cpuMicroseconds'), reported),
        atMost(`${name}: p50 − ${peer.name}, ms`, of(sallyport, 'p50') - of(peer, 'p50'), reported),
        atMost(`${name}: p99 − ${peer.name}, ms`, of(sallyport, 'p99') - of(peer, 'p99'), reported),
      ])
    },
  }
}

function streamRow(count: number): Row<GatewayPeer> {
  const name = `gateway-streams-${count}`
  return {
    name,
    about: `MCP: memory with ${count} open server stream${count === 1 ? '' : 's'}`,
    quick: false,
    rounds: 3,
    contenders: [nginx, envoy, sallyport],
    sample: (peer, bench) => measureStreams(peer, count, bench),
    targets: (samples) => [
      atMost(`${name}: memory, MB`, medianOf(samples, sallyport.name, 'streams'), reported),
    ],
  }
}

export const gateway: readonly Row<GatewayPeer>[] = [
  messageRow('call', 32),
  messageRow('list', 32),
  messageRow('call', 1),
  ...[1, 50, 1000].map(streamRow),
]
