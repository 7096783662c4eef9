/** `validate`, `explain` and `schema`: the configuration read, checked and asked, without a running instance. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { type CommonOptions, outputOf, verb, withCommon } from './cli-common.ts'
import { jsonSchema, loadBoth, printConfig, readPolicyCases } from './config/index.ts'
import {
  type Checked,
  diffPolicies,
  type DiffSide,
  exit,
  explain,
  type ExplainTerms,
  type ExplainWords,
  testPolicy,
  validate,
} from './console/index.ts'
import { compilePolicy, isUnderReview } from './policy/index.ts'
import { readPins } from './storage/index.ts'

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
  const { group } = options
  const optional = [
    'server',
    'user',
    'workload',
    'issuer',
    'groupsIncomplete',
    'client',
    'workflow',
    'tool',
    'args',
    'class',
    'downstream',
    'method',
    'path',
    'request',
    'body',
    'type',
  ] as const
  const given = optional.filter((name) => options[name] !== undefined).map((name) => [name, options[name]])
  return { ...(Object.fromEntries(given) as Partial<ExplainWords>), groups: group }
}

async function configured(options: CommonOptions & { readonly form: Form }) {
  const { config } = await loadBoth(options.config, { form: options.form, env: process.env })
  const { tenant, servers, downstreams, version } = config
  const terms: ExplainTerms = {
    policy: compilePolicy({ tenant, servers, downstreams, version }),
    tenant,
    issuer: config.login.issuer,
    workloadIssuers: config.workloads.map(({ issuer }) => issuer),
    servers: servers.map(({ name }) => name),
  }
  return { config, terms }
}

async function explainFor(options: ExplainOptions) {
  const { config, terms } = await configured(options)
  const { tenant } = config
  const pins = readPins(join(options.data ?? config.data, 'state.db'), tenant)
  const underReview = (server: string, name: string): boolean => {
    const tool = terms.policy.tool(server, name)
    const pin = pins?.find((it) => it.server === server && it.tool === name)
    // Where no instance has run there is nothing to hold a tool against.
    return tool !== undefined && pin !== undefined && isUnderReview(tool, pin)
  }
  return explain(wordsOf(options), { ...terms, underReview }, outputOf(options))
}

async function testFor(file: string, options: CommonOptions & { readonly form: Form }) {
  return testPolicy(
    readPolicyCases(readFileSync(file, 'utf8'), file),
    (await configured(options)).terms,
    outputOf(options),
  )
}

async function diffFor(before: string, after: string, options: CommonOptions & { readonly form: Form }) {
  const side = async (path: string): Promise<DiffSide> => {
    const { config } = await loadBoth(path, { form: options.form, env: process.env })
    const { tenant, servers, downstreams, version, login } = config
    const policy = compilePolicy({ tenant, servers, downstreams, version })
    return { policy, tenant, issuer: login.issuer, servers }
  }
  return diffPolicies(await side(before), await side(after), outputOf(options))
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
    .option('--workflow <name>', 'the workflow that they work in')
    .option('--server <name>')
    .option('--tool <name>', 'a call of this tool, or a request within one')
    .option('--class <class>', 'the class that the call was given')
    .option('--downstream <name>', 'what the request goes to; without it: may the tool be called at all?')
    .option('--method <method>')
    .option('--path <path>', 'below the base path of the downstream')
    .option('--args <json>', 'the parameters of the call: would the request be held to them?')
    .option(
      '--request <line>',
      'or method and address as a server sends them: "POST https://orders.example/orders/7"',
    )
    .option('--body <text>', 'the body of the request')
    .option('--type <media type>', 'what the body is', 'application/json')
    .option('--form <form>', asForm, 'single')
    .action(verb(explainFor))
  addComparing(program)
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

/** Questions with their expected answers, and two configurations side by side. */
function addComparing(program: Command): void {
  withCommon(
    program
      .command('test <file>')
      .description(
        'put the questions of a file to what decides, and compare the answers with those expected',
      ),
  )
    .option('--form <form>', asForm, 'single')
    .action(verb(testFor))
  withCommon(
    program.command('diff <before> <after>').description('what two configurations decide differently'),
  )
    .option('--form <form>', asForm, 'single')
    .action(verb(diffFor))
}
