/**
 * The long form: `node test/fuzz/run.ts --parser path --seconds 60 [--seed 1]`, or `--parser all`. What breaks is kept
 * in the corpus, where `npm test` tries it from then on. `--judge` writes what becomes of inputs that have no outcome
 * in the corpus yet, for a person to look at and keep.
 */
import { parseArgs } from 'node:util'
import { fuzz, keep, readCorpus } from './engine.ts'
import { parsers } from './parsers.ts'

const { values } = parseArgs({
  options: {
    parser: { type: 'string', default: 'all' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.trunc(performance.timeOrigin) % 0xffff_ffff) },
    judge: { type: 'boolean', default: false },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const chosen = Object.entries(parsers).filter(([name]) => values.parser === 'all' || values.parser === name)
if (chosen.length === 0)
  throw new Error(`no parser is named ${values.parser}: ${Object.keys(parsers).join(', ')}`)

for (const [name, open] of chosen) {
  const parser = open()
  if (values.judge) {
    const judged: Record<string, string> = {}
    for (const [input, outcome] of Object.entries(readCorpus(name)))
      if (outcome === null) judged[input] = await parser.judge(input)
    say(JSON.stringify(judged, undefined, 2))
  } else {
    const seed = Number(values.seed)
    const end = performance.now() + (Number(values.seconds) * 1000) / chosen.length
    const { tried, accepted, found } = await fuzz(parser, {
      seed,
      until: () => performance.now() > end,
      all: true,
    })
    say(`${name}: seed ${seed}, ${tried} tried, ${accepted} accepted, ${found.length} broke`)
    const first = new Map(found.map(({ input, error }) => [String(error).slice(0, 80), { input, error }]))
    for (const { input, error } of first.values()) {
      say(`  ${JSON.stringify(input)}\n    ${String(error)}\n    kept in ${keep(name, input)}`)
      process.exitCode = 1
    }
  }
  await parser.close?.()
}
