/** `validate`, `explain` and `schema`: the configuration read, checked and asked, without a running instance. */
import type { Command } from 'commander'
import { type CommonOptions, outputOf, verb, withCommon } from './cli-common.ts'
import { jsonSchema, loadBoth, printConfig } from './config/index.ts'
import { type Checked, exit, explain, type ExplainWords, validate } from './console/index.ts'
import { compilePolicy } from './policy/index.ts'

type Form = 'single' | 'dev'

async function load(options: CommonOptions, form: Form): Promise<Checked> {
  const { config, expanded } = await loadBoth(options.config, { form, env: process.env })
  return { version: config.version, warnings: config.warnings, expanded, yaml: printConfig(expanded) }
}

interface ExplainOptions extends CommonOptions, Omit<ExplainWords, 'groups'> {
  readonly form: Form
  readonly group: readonly string[]
}

function wordsOf(options: ExplainOptions): ExplainWords {
  const { group, downstream, method, path } = options
  const optional = [
    'server',
    'user',
    'workload',
    'issuer',
    'groupsIncomplete',
    'client',
    'tool',
    'class',
  ] as const
  const given = optional.filter((name) => options[name] !== undefined).map((name) => [name, options[name]])
  return { ...(Object.fromEntries(given) as Partial<ExplainWords>), groups: group, downstream, method, path }
}

async function explainFor(options: ExplainOptions) {
  const { config } = await loadBoth(options.config, { form: options.form, env: process.env })
  const { tenant, servers, downstreams, version } = config
  return explain(
    wordsOf(options),
    {
      policy: compilePolicy({ tenant, servers, downstreams, version }),
      tenant,
      issuer: config.login.issuer,
      workloadIssuers: config.workloads.map(({ issuer }) => issuer),
      servers: servers.map(({ name }) => name),
    },
    outputOf(options),
  )
}

const asForm = 'the form that the configuration is for: single or dev'

export function addPolicyVerbs(program: Command): void {
  withCommon(
    program.command('validate').description('check a configuration: every fault with its line and a remedy'),
  )
    .option('--expand', 'print what is in force, every short form written out', false)
    .option('--form <form>', asForm, 'single')
    .action(
      verb(async (options: CommonOptions & { expand: boolean; form: Form }) =>
        validate({ expand: options.expand }, () => load(options, options.form), outputOf(options)),
      ),
    )
  withCommon(
    program
      .command('explain')
      .description('say what would be decided, and why; the code that decides requests'),
  )
    .option('--user <subject>', 'the person: the `sub` of their tokens')
    .option('--workload <subject>', 'or the workload')
    .option('--issuer <url>')
    .option('--group <name...>', 'groups of the person', [])
    .option('--groups-incomplete', 'the list of groups is not whole')
    .option('--client <name>')
    .option('--server <name>')
    .option('--tool <name>', 'within a call of this tool')
    .option('--class <class>', 'the class that the call was given')
    .requiredOption('--downstream <name>')
    .requiredOption('--method <method>')
    .requiredOption('--path <path>', 'below the base path of the downstream, without a query')
    .option('--form <form>', asForm, 'single')
    .action(verb(explainFor))
  program
    .command('schema')
    .description('the JSON Schema of the configuration')
    .action(
      verb(async () => {
        process.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`)
        return exit.done
      }),
    )
}
