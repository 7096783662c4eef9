import type { Sample, Target } from './bench.ts'
import type { Machine } from './machine.ts'
import type { CommandLine } from './options.ts'
import { markdown, rowTable, targetTable } from './report.ts'

/** What `--out` writes: everything that was measured. */
export interface Results {
  readonly machine: Machine
  readonly options: CommandLine
  readonly rows: {
    readonly name: string
    readonly about: string
    readonly samples: Record<string, Sample[]>
  }[]
  readonly targets: Target[]
}

/** The part of docs/performance.md that a run fills. */
export function documentOf({ machine, options, rows, targets }: Results): string {
  const { versions, ...about } = machine
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const { answer, upload, large } = options.sizes
  return [
    `Measured ${about.date} on ${about.cpu} (${about.cores} cores, ${about.memory}), Linux ${about.kernel}: ${programs.join(', ')}.`,
    `Rounds: ${options.rounds} (some rows 3) of ${options.seconds} s; answers of ${answer} and ${large} bytes, uploads of ${upload}; seed ${options.seed}.`,
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
