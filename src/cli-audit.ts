/** `sallyport audit …`: the record read from its files; no running instance is needed. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { type CommonOptions, dataOf, outputOf, verb, withCommon } from './cli-common.ts'
import { auditExport, auditQuery, auditStory, auditTail, auditVerify, parseMoment } from './console/index.ts'
import { SallyportError } from './model/index.ts'
import { publicKeyFile, readAnchors } from './storage/index.ts'
import { clock } from './wire.ts'

interface AuditOptions extends CommonOptions {
  readonly records?: string
}

const words = ['user', 'issuer', 'sid', 'request', 'downstream', 'server', 'tool', 'call', 'kind'] as const

interface FilterOptions extends AuditOptions, Partial<Record<(typeof words)[number], string>> {
  readonly since?: string
  readonly until?: string
  readonly limit?: string
  readonly observed?: boolean
}

async function recordsOf(options: AuditOptions): Promise<string> {
  const folder = options.records ?? join(await dataOf(options), 'records')
  if (existsSync(folder)) return folder
  throw new SallyportError('state_unavailable', {
    field: options.records === undefined ? '--data' : '--records',
    remedy: 'this folder holds no record: name the data folder of the instance',
  })
}

function moment(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const at = parseMoment(text, clock.now() * 1000)
  if (at !== undefined) return at
  throw new SallyportError('request_malformed', {
    field: name,
    remedy: 'a date such as 2026-01-31T12:00Z, or an age such as 24h',
  })
}

function filterOf(options: FilterOptions) {
  const given = words.filter((name) => options[name] !== undefined).map((name) => [name, options[name]])
  const since = moment('--since', options.since)
  const until = moment('--until', options.until)
  return {
    ...(Object.fromEntries(given) as Record<string, string>),
    ...(options.observed === true ? { observed: true } : {}),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(options.limit === undefined ? {} : { limit: Number(options.limit) }),
  }
}

function withFilter(command: Command): Command {
  return withCommon(command)
    .option('--records <folder>', 'the folder of the record itself, such as a copy of it')
    .option('--user <subject>')
    .option('--issuer <url>')
    .option('--sid <session>')
    .option('--request <id>')
    .option('--downstream <name>')
    .option('--server <name>')
    .option('--tool <name>')
    .option('--call <id>')
    .option('--observed', 'only what passed because its server is observed')
    .option('--kind <kind>', 'intent, outcome, denial, mint, exchange, refresh, connect, revoke, revoked …')
    .option('--since <moment>', 'a date, or an age such as 24h')
    .option('--until <moment>')
}

export function addAuditVerbs(program: Command): void {
  const audit = program.command('audit').description('read and verify the record')
  withCommon(
    audit.command('verify').description('verify every chain: nothing altered, missing, reordered or cut off'),
  )
    .option(
      '--records <folder>',
      'a copy of the record; without its data folder there are no anchors to hold it against',
    )
    .option(
      '--key <file>',
      'the public key (JWK) that must have signed, kept by you; by default the data folder’s own',
    )
    .action(verb(verify))
  withCommon(
    audit.command('story <call>').description('who made a call, what it did downstream, and how it ended'),
  )
    .option('--records <folder>', 'the folder of the record itself, such as a copy of it')
    .action(
      verb(async (call: string, options: AuditOptions) =>
        auditStory(await recordsOf(options), call, outputOf(options)),
      ),
    )
  addReading(audit)
}

function addReading(audit: Command): void {
  withFilter(audit.command('query').description('the lines that match, oldest first'))
    .option('--limit <n>')
    .action(
      verb(async (options: FilterOptions) =>
        auditQuery(await recordsOf(options), filterOf(options), outputOf(options)),
      ),
    )
  withFilter(audit.command('tail').description('the last lines, and with --follow those that come'))
    .option('-f, --follow', 'go on')
    .option('-n, --lines <n>', 'how many to begin with', '10')
    .action(
      verb(async (options: FilterOptions & { follow?: boolean; lines: string }) => {
        const stop = new AbortController()
        process.once('SIGINT', () => stop.abort())
        return auditTail(
          await recordsOf(options),
          {
            follow: options.follow === true,
            lines: Number(options.lines),
            filter: filterOf(options),
            signal: stop.signal,
          },
          outputOf(options),
        )
      }),
    )
  withFilter(audit.command('export').description('the lines as they stand, byte for byte'))
    .addOption(new Option('--format <format>').choices(['jsonl']).default('jsonl'))
    .action(
      verb(async (options: FilterOptions) =>
        auditExport(
          await recordsOf(options),
          { format: 'jsonl', filter: filterOf(options) },
          outputOf(options),
        ),
      ),
    )
}

async function verify(options: AuditOptions & { readonly key?: string }) {
  const records = await recordsOf(options)
  const data = options.records === undefined ? await dataOf(options) : undefined
  const keyFile = options.key ?? (data === undefined ? undefined : join(data, publicKeyFile))
  const key = keyFile === undefined || !existsSync(keyFile) ? undefined : readKey(keyFile)
  if (options.key !== undefined && key === undefined) {
    throw new SallyportError('request_malformed', { field: '--key', remedy: 'this file is not there' })
  }
  return auditVerify(
    records,
    {
      ...(data === undefined ? {} : { anchors: readAnchors(join(data, 'state.db')) }),
      ...(key === undefined ? {} : { trustedKeys: [key] }),
    },
    outputOf(options),
  )
}

function readKey(file: string): { kty: string; crv: string; x: string } {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { kty: string; crv: string; x: string }
  } catch (error) {
    throw new SallyportError(
      'request_malformed',
      { field: '--key', remedy: 'a public key as JWK is needed' },
      error,
    )
  }
}
