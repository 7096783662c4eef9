import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { BenchOptions } from './bench.ts'

export interface CommandLine extends BenchOptions {
  readonly json: boolean
  readonly markdown: string | undefined
  readonly out: string | undefined
  readonly help: boolean
  /** Folder for CPU profiles of sallyport. */
  readonly profile: string | undefined
}

export const usage = `npm run bench -- [options]
  --quick                    five minutes, gates on CPU ratios only: fails where one is a fifth worse than its floor
  --json                     the last line is one JSON object with the targets
  --rounds N                 rounds of each row (5; quick: 3); some rows take at most 3
  --seconds N                length of a run (4; quick: 2)
  --only c32,memory          only these rows
  --contenders nginx,envoy   only these contenders
  --sizes 1024,65536,1048576 bytes of the small answer, of the upload, of the large answer
  --order sallyport,nginx    contenders in this order, the others after them; otherwise shuffled in each round
  --seed N                   for the shuffling
  --out FILE                 everything measured, as JSON
  --profile FOLDER           V8 CPU profiles of sallyport's processes; what is measured meanwhile is not to be quoted
  --markdown FILE            put the tables of such a file into docs/performance.md, and measure nothing
`

const list = (text: string | undefined): string[] => (text ?? '').split(',').filter((name) => name !== '')

function whole(name: string, text: string, least = 1): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${name}: a whole number of at least ${least}`)
  return value
}

/** @throws Error that says what is wrong with the arguments */
export function readOptions(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      contenders: { type: 'string' },
      sizes: { type: 'string', default: '1024,65536,1048576' },
      order: { type: 'string' },
      seed: { type: 'string' },
      out: { type: 'string' },
      markdown: { type: 'string' },
      profile: { type: 'string' },
    },
  })
  const sizes = list(values.sizes)
  const size = (index: number, fallback: number) => whole('sizes', sizes[index] ?? String(fallback), 16)
  return {
    quick: values.quick,
    json: values.json,
    help: values.help,
    markdown: values.markdown,
    out: values.out,
    profile: values.profile === undefined ? undefined : resolve(values.profile),
    rounds: whole('rounds', values.rounds ?? (values.quick ? '3' : '5')),
    seconds: whole('seconds', values.seconds ?? (values.quick ? '2' : '4')),
    warmSeconds: values.quick ? 1 : 2,
    sizes: { answer: size(0, 1024), upload: size(1, 65_536), large: size(2, 1_048_576) },
    only: list(values.only),
    contenders: list(values.contenders),
    order: list(values.order),
    seed: whole('seed', values.seed ?? String(Math.floor(Date.now() / 1000) % 1_000_000), 0),
  }
}
