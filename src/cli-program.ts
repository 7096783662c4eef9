/** The program `sallyport`: each verb is one call into a room. Exit codes: 0 done, 1 failed, 2 usage, 3 denied, 4 partly. */
import { createWriteStream } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { verb, withCommon } from './cli-common.ts'
import type { DevTokenOptions } from './cli-verbs.ts'
import { exit } from './console/index.ts'

const forms = ['dev', 'single'] as const
const isForm = (word: string | undefined): boolean => forms.some((form) => form === word)

function addServingVerbs(program: Command): void {
  for (const form of forms) {
    const about =
      form === 'dev'
        ? 'one process on loopback with a throwaway key and a built-in sign-in (alice, bob, admin)'
        : 'one process with persistent state'
    const command = program.command(form).description(about)
    command
      .option('-c, --config <file>', 'the configuration', process.env['SALLYPORT_CONFIG'] ?? 'sallyport.yaml')
      .option(
        '--restored',
        'the data folder came back from a backup: begin a new epoch and cut the whole tenant',
        false,
      )
      .option('--log <file>', 'write the log there instead of standard error')
      .action(
        verb(async (options: { config: string; restored: boolean; log?: string }) => {
          const { serve } = await import('./main.ts')
          return serve({
            form,
            configPath: options.config,
            restored: options.restored,
            ...(options.log === undefined
              ? {}
              : { logStream: createWriteStream(options.log, { flags: 'a', mode: 0o600 }) }),
          })
        }),
      )
    if (form === 'dev') addDevToken(command)
  }
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
// What serves does without the other verbs, and they without what serves: a quarter of a start, each way.
if (!isForm(process.argv[2])) {
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
