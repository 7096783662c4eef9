import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Sample, Target } from './bench.ts'
import type { Machine } from './machine.ts'
import type { CommandLine } from './options.ts'
import { markdown, rowTable, targetTable } from './report.ts'

/** What `--out` writes: everything that was measured. */
export interface Results {
  readonly machine: Machine & { readonly others: number }
  readonly options: CommandLine
  readonly rows: {
    readonly name: string
    readonly about: string
    readonly samples: Record<string, Sample[]>
  }[]
  readonly targets: Target[]
}

const document = fileURLToPath(new URL('../docs/performance.md', import.meta.url))
const [from, to] = ['<!-- figures -->', '<!-- end of figures -->']

/** Puts what a run measured between the marks in docs/performance.md. @throws Error where they are not there */
export function writeDocument(resultsFile: string): void {
  const results = JSON.parse(readFileSync(resultsFile, 'utf8')) as Results
  const text = readFileSync(document, 'utf8')
  const [start, end] = [text.indexOf(from), text.indexOf(to)]
  if (start === -1 || end < start) throw new Error(`docs/performance.md: ${from} … ${to} are not there`)
  writeFileSync(document, `${text.slice(0, start)}${from}\n\n${documentOf(results)}\n${text.slice(end)}`)
}

function documentOf({ machine, options, rows, targets }: Results): string {
  const { versions, ...about } = machine
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const { answer, upload, large } = options.sizes
  return [
    `Measured ${about.date} on ${about.cpu} (${about.cores} cores, ${about.memory}), Linux ${about.kernel}: ${programs.join(', ')}.`,
    `Rounds: ${options.rounds} (some rows 3) of ${options.seconds} s; answers of ${answer} and ${large} bytes, uploads of ${upload}; seed ${options.seed}. Others used ${(about.others * 100).toFixed(1)} % of the machine when it began.`,
    '',
    '### Marks',
    '',
    markdown(targetTable(targets)),
    ...rows.flatMap(({ name, about: what, samples }) => [
      `### ${name}: ${what}`,
      '',
      markdown(rowTable(new Map(Object.entries(samples)))),
    ]),
  ].join('\n')
}
