/** What every verb of the command line shares: options, output, exit codes. */
import type { Command } from 'commander'
import { ConfigErrors, dataFolder } from './config/index.ts'
import { exit, type ExitCode, type Output } from './console/index.ts'
import { asSallyportError } from './model/index.ts'
import { describeError } from './telemetry/index.ts'

export interface CommonOptions {
  readonly config: string
  readonly data?: string
  readonly json?: boolean
}

export function outputOf(options: { readonly json?: boolean }): Output {
  return {
    json: options.json === true,
    line: (text) => void process.stdout.write(`${text}\n`),
    progress: (text) => {
      if (process.stderr.isTTY)
        process.stderr.write(`${text}
`)
    },
  }
}

/** Runs a verb, and turns what it throws into words and an exit code. */
export function verb<A extends unknown[]>(
  work: (...given: A) => Promise<ExitCode>,
): (...given: A) => Promise<void> {
  return async (...given) => {
    try {
      process.exitCode = await work(...given)
    } catch (error) {
      complain(error)
      process.exitCode = exit.failed
    }
  }
}

function complain(error: unknown): void {
  if (error instanceof ConfigErrors) {
    process.stderr.write(`${error.describe()}\n`)
    return
  }
  const known = asSallyportError(error)
  process.stderr.write(`${known.row.sentence} (${known.code})\n`)
  if (known.facts.field !== undefined) process.stderr.write(`  field: ${known.facts.field}\n`)
  if (known.facts.remedy !== undefined) process.stderr.write(`  remedy: ${known.facts.remedy}\n`)
  if (known.code === 'internal') process.stderr.write(`  ${JSON.stringify(describeError(known.cause))}\n`)
}

/** The options that every verb has. */
export function withCommon(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the configuration', process.env['SALLYPORT_CONFIG'] ?? 'sallyport.yaml')
    .option('--data <folder>', "the data folder; by default the configuration's")
    .option('--json', 'answer in JSON')
}

/** The data folder that a verb means. @throws ConfigErrors */
export async function dataOf(options: CommonOptions): Promise<string> {
  return options.data ?? (await dataFolder(options.config, process.env))
}
