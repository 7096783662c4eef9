import type { Samples, Target } from './bench.ts'

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

/** The median of a figure over the rounds; NaN for a contender that did not run. */
export const medianOf = (samples: Samples, contender: string, figure: string): number =>
  spreadOf((samples.get(contender) ?? []).map((sample) => sample[figure] ?? Number.NaN)).median

type Marks = readonly [floor: number, goal: number]

export const atLeast = (name: string, value: number, [floor, goal]: Marks, cpu = false): Target => ({
  name,
  value,
  floor,
  goal,
  better: 'higher',
  cpu,
})

export const atMost = (name: string, value: number, [floor, goal]: Marks, cpu = false): Target => ({
  name,
  value,
  floor,
  goal,
  better: 'lower',
  cpu,
})

/** At or beyond the floor, which `slack` moves: 0.2 lets it be a fifth worse. */
export function reaches({ value, floor, better }: Target, slack = 0): boolean {
  return better === 'higher' ? value >= floor * (1 - slack) : value <= floor * (1 + slack)
}

/** Figures in the same order for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const keyed = values.map((value) => ({ value, key: random() }))
  return keyed.toSorted((a, b) => a.key - b.key).map(({ value }) => value)
}
