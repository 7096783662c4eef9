/** The verbs that ask a running instance, or read the record or the configuration: whatever does not serve. */
import { type Command, Option } from 'commander'
import { addAuditVerbs } from './cli-audit.ts'
import { type CommonOptions, dataOf, outputOf, verb, withCommon } from './cli-common.ts'
import { addDoctorVerb } from './cli-doctor.ts'
import { addInitVerb } from './cli-init.ts'
import { addPolicyVerbs } from './cli-policy.ts'
import { addToolVerbs } from './cli-tools.ts'
import {
  type AdminEndpoint,
  callAdmin,
  connect,
  type ExitCode,
  exit,
  failed,
  findInstance,
  revoke,
  say,
  sayInLog,
  type ScopeWords,
  show,
} from './console/index.ts'
import { SallyportError } from './model/index.ts'

export function addVerbs(program: Command): void {
  addInitVerb(program)
  addDoctorVerb(program)
  addPolicyVerbs(program)
  addRevocationVerbs(program)
  addSayings(program)
  addConnectionVerbs(program)
  addToolVerbs(program)
  addAuditVerbs(program)
}

async function endpointOf(options: CommonOptions): Promise<AdminEndpoint> {
  return findInstance(await dataOf(options))
}

async function secretFromInput(what: string): Promise<string> {
  if (process.stdin.isTTY) {
    throw new SallyportError('request_malformed', {
      field: 'standard input',
      remedy: `give ${what} by: sallyport … < file`,
    })
  }
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  const value = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
  if (value === '')
    throw new SallyportError('request_malformed', { field: 'standard input', remedy: `${what} is empty` })
  return value
}

export interface DevTokenOptions extends CommonOptions {
  readonly server?: string
  readonly ttl: string
}

/** A subject token of the built-in sign-in of a running `sallyport dev`. */
export async function devToken(user: string, options: DevTokenOptions): Promise<ExitCode> {
  const output = outputOf(options)
  const answer = await callAdmin(await endpointOf(options), {
    method: 'POST',
    path: '/v1/dev/tokens',
    body: {
      user,
      ttl: Number(options.ttl),
      ...(options.server === undefined ? {} : { server: options.server }),
    },
  })
  if (answer.status >= 400) return failed(answer, output)
  say(output, answer.body, () => [String(answer.body['token'])])
  return exit.done
}

interface ScopeOptions extends CommonOptions {
  readonly issuer?: string
  readonly server?: string
  readonly cause: string
}

function scopeOf(kind: string, id: string | undefined, options: ScopeOptions): ScopeWords {
  return {
    kind,
    ...(id === undefined ? {} : { id }),
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
    ...(options.server === undefined ? {} : { server: options.server }),
  }
}

function withScope(command: Command): Command {
  return withCommon(command)
    .option('--issuer <url>', "the principal's issuer; by default the login's")
    .option('--server <name>', 'the server of a tool; needed where several are configured')
    .requiredOption('--cause <text>', 'why, for the record')
}

const scopeHelp =
  'user | workload | client | session | connection | consent | downstream | server | tool | tenant'
const switchHelp = `${scopeHelp} | class | label`

function addRevocationVerbs(program: Command): void {
  withScope(
    program.command('revoke <scope> [id]').description(`end access, completely, now. Scope: ${scopeHelp}`),
  )
    .option(
      '--hold',
      'nothing new either, until a release (the default for user, workload, client, server, tool)',
    )
    .option('--no-hold', 'let a newer sign-in begin anew')
    .option('--id <id>', 'idempotency id: the same id again continues the same revocation')
    .addOption(
      new Option('--wait <what>', 'answer when fenced, or when providers have answered too')
        .choices(['fence', 'providers'])
        .default('fence'),
    )
    .option('--wait-seconds <n>', 'how long to wait', '25')
    .action(
      verb(
        async (
          kind: string,
          id: string | undefined,
          options: ScopeOptions & {
            hold?: boolean
            id?: string
            wait: 'fence' | 'providers'
            waitSeconds: string
          },
        ) =>
          revoke(
            {
              scope: scopeOf(kind, id, options),
              cause: options.cause,
              wait: options.wait,
              waitSeconds: Number(options.waitSeconds),
              ...(options.hold === undefined ? {} : { hold: options.hold }),
              ...(options.id === undefined ? {} : { id: options.id }),
            },
            await endpointOf(options),
            outputOf(options),
          ),
      ),
    )
}

/** One entry in the log each, without a follow-up. */
function addSayings(program: Command): void {
  const sayings = [
    ['hold', '/v1/holds', 'let nothing new begin', scopeHelp],
    ['release', '/v1/releases', 'lift a hold; what was cut stays cut', scopeHelp],
    ['disable', '/v1/switches/off', 'switch off', switchHelp],
    ['enable', '/v1/switches/on', 'switch on again', switchHelp],
  ] as const
  for (const [name, path, about, scopes] of sayings) {
    withScope(program.command(`${name} <scope> [id]`).description(`${about}. Scope: ${scopes}`)).action(
      verb(async (kind: string, id: string | undefined, options: ScopeOptions) =>
        sayInLog(
          path,
          { scope: scopeOf(kind, id, options), cause: options.cause },
          await endpointOf(options),
          outputOf(options),
        ),
      ),
    )
  }
}

function addConnectionVerbs(program: Command): void {
  withCommon(
    program
      .command('connect <downstream>')
      .description("keep a person's own secret for a downstream, read from standard input"),
  )
    .requiredOption('--user <subject>', 'the person: the `sub` of their tokens')
    .option('--issuer <url>', "the person's issuer; by default the login's")
    .option('--server <name>', 'the server it is for; needed where several are configured')
    .action(
      verb(
        async (
          downstream: string,
          options: CommonOptions & { user: string; issuer?: string; server?: string },
        ) =>
          connect(
            {
              downstream,
              user: options.user,
              value: await secretFromInput('the secret'),
              ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
              ...(options.server === undefined ? {} : { server: options.server }),
            },
            await endpointOf(options),
            outputOf(options),
          ),
      ),
    )
  withScope(
    program
      .command('disconnect <connection>')
      .description('cut one connection and destroy what is stored of it'),
  ).action(
    verb(async (id: string, options: ScopeOptions) =>
      revoke(
        { scope: { kind: 'connection', id }, cause: options.cause, wait: 'fence' },
        await endpointOf(options),
        outputOf(options),
      ),
    ),
  )
  for (const name of ['sessions', 'connections', 'holds', 'switches', 'status'] as const) {
    withCommon(program.command(name).description(`show ${name}`)).action(
      verb(async (options: CommonOptions) =>
        show(`/v1/${name}`, await endpointOf(options), outputOf(options)),
      ),
    )
  }
}
