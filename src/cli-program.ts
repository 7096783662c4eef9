/** The program `sallyport`: each verb is one call into a room. Exit codes: 0 done, 1 failed, 2 usage, 3 denied, 4 partly. */
import { createWriteStream } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { verb, withCommon } from './cli-common.ts'
import type { DevTokenOptions } from './cli-verbs.ts'
import { exit } from './console/index.ts'

const forms = ['dev', 'single'] as const
const serves = (word: string | undefined): boolean => word === 'run' || forms.some((form) => form === word)

interface ServingOptions {
  readonly config: string
  readonly restored: boolean
  readonly log?: string
}

/** What every verb that serves has. */
function serving(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the configuration', process.env['SALLYPORT_CONFIG'] ?? 'sallyport.yaml')
    .option(
      '--restored',
      'the data folder came back from a backup: begin a new epoch and cut the whole tenant',
      false,
    )
    .option('--log <file>', 'write the log there instead of standard error')
}

const servingOf = ({ config, restored, log }: ServingOptions) => ({
  configPath: config,
  restored,
  ...(log === undefined ? {} : { logStream: createWriteStream(log, { flags: 'a', mode: 0o600 }) }),
})

function addServingVerbs(program: Command): void {
  for (const form of forms) {
    const about =
      form === 'dev'
        ? 'one process on loopback with a throwaway key and a built-in sign-in (alice, bob, admin)'
        : 'one process with persistent state'
    const command = program.command(form).description(about)
    serving(command).action(
      verb(async (options: ServingOptions) => {
        const { serve } = await import('./main.ts')
        return serve({ form, ...servingOf(options) })
      }),
    )
    if (form === 'dev') addDevToken(command)
  }
}

interface RunOptions extends ServingOptions {
  readonly server?: string
  readonly env: readonly string[]
  readonly json?: boolean
}

function addRun(program: Command): void {
  const command = program
    .command('run')
    .description(
      'serve an MCP server that speaks on standard input and output: `sallyport run -- npx some-server`. As dev where the configuration has neither login nor key, as single otherwise',
    )
    .argument('<command...>', 'the program and its arguments, behind --')
  serving(command)
    .option('--json', 'say on standard output, in JSON, where it listens')
    .option('--server <name>', 'which server of the configuration it is; needed where several are configured')
    .option(
      '--env <name>',
      'a variable that it gets besides the usual ones; never one with a secret. Repeatable',
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .action(
      verb(async (words: string[], options: RunOptions) => {
        const [{ serve }, { formOf }] = await Promise.all([import('./main.ts'), import('./config/index.ts')])
        const { server, env, json = false } = options
        const run = { command: words, env, ...(server === undefined ? {} : { server }) }
        return serve({ form: await formOf(options.config, process.env), ...servingOf(options), run, json })
      }),
    )
}

function addDevToken(dev: Command): void {
  withCommon(
    dev.command('token <user>').description('a subject token of the built-in sign-in: alice, bob or admin'),
  )
    .option('--server <name>', 'the server it is for; needed where several are configured')
    .option('--ttl <seconds>', 'how long it lives', '300')
    .action(
      verb(async (user: string, options: DevTokenOptions) => {
        const { devToken } = await import('./cli-verbs.ts')
        return devToken(user, options)
      }),
    )
}

const program = new Command('sallyport')
  .description(
    'The credential broker that lets AI agents use a company’s systems without ever holding a credential.',
  )
  .version('0.1.0')
  .exitOverride()
addServingVerbs(program)
addRun(program)
// What serves does without the other verbs, and they without what serves: a quarter of a start, each way.
if (!serves(process.argv[2])) {
  const { addVerbs } = await import('./cli-verbs.ts')
  addVerbs(program)
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? exit.done : exit.usage
}
