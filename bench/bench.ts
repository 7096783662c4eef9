import type { Tools } from './install.ts'
import type { SallyportParts } from './peers/peer.ts'
import type { PeerTokens } from './tokens.ts'
import type { Upstreams } from './upstream.ts'
import type { Vault } from './vault.ts'

/** What was asked for on the command line. */
export interface BenchOptions {
  readonly quick: boolean
  readonly rounds: number
  readonly seconds: number
  readonly warmSeconds: number
  readonly sizes: { readonly answer: number; readonly upload: number; readonly large: number }
  readonly only: readonly string[]
  /** Names of the contenders that take part; empty: all. */
  readonly contenders: readonly string[]
  /** Names of contenders; empty: shuffled anew in each round. */
  readonly order: readonly string[]
  readonly seed: number
}

/** Everything that outlives a single run. */
export interface Bench {
  readonly options: BenchOptions
  readonly tools: Tools
  readonly upstreams: Upstreams
  readonly tokens: PeerTokens
  readonly sallyport: SallyportParts
  /** The same one every time, started at the first. */
  vault(): Promise<Vault>
}

/** Figures of one run of one contender. */
export type Sample = Readonly<Record<string, number>>

/** Over the rounds: figures by contender. */
export type Samples = ReadonlyMap<string, readonly Sample[]>

export interface Target {
  readonly name: string
  readonly value: number
  readonly floor: number
  readonly goal: number
  readonly better: 'higher' | 'lower'
  /** A ratio of CPU times: steady enough to gate on. */
  readonly cpu: boolean
}

export interface Row<P extends { readonly name: string } = { readonly name: string }> {
  readonly name: string
  readonly about: string
  readonly quick: boolean
  readonly contenders: readonly P[]
  /** Contenders that a quick run leaves out: no gated figure is made of theirs. */
  readonly beyondQuick?: readonly string[]
  /** At most as many rounds, whatever was asked for. */
  readonly rounds?: number
  sample(contender: P, bench: Bench): Promise<Sample>
  targets(samples: Samples): readonly Target[]
}
