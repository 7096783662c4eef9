import { describe, expect, it } from 'vitest'
import { fuzz, readCorpus } from './engine.ts'
import { parsers } from './parsers.ts'
import { fuzzRuns } from './runs.ts'

/** How many inputs each parser is given here; `test/fuzz/run.ts` goes on for as long as it is told. */
const usual: Readonly<Record<string, number>> = { head: 150 }

describe.each(Object.entries(parsers))('the parser of %s', (name, open) => {
  it('makes of every input that was kept what it made then', async () => {
    const parser = open()
    const corpus = Object.entries(readCorpus(name))
    expect(corpus.length).toBeGreaterThan(20)
    const judged: Record<string, string | null> = {}
    for (const [input, outcome] of corpus) {
      const now = await parser.judge(input)
      judged[input] = outcome === null ? null : now
    }
    await parser.close?.()
    expect(judged).toEqual(Object.fromEntries(corpus))
  })

  it('keeps its rules on what is made of those', { timeout: 60_000 }, async () => {
    const parser = open()
    const seed = Math.trunc(performance.timeOrigin) % 0xffff_ffff
    const limit = fuzzRuns(usual[name] ?? 3_000)
    const { found, accepted } = await fuzz(parser, { seed, until: (tried) => tried >= limit })
    await parser.close?.()
    expect({
      seed,
      found: found.map(({ input, error }) => `${JSON.stringify(input)}: ${String(error)}`),
    }).toEqual({
      seed,
      found: [],
    })
    expect(accepted).toBeGreaterThan(0)
  })
})
