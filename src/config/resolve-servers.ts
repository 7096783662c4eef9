import type { Matcher, Server, Tool, Use } from '../model/index.ts'
import type { Path } from './document.ts'
import type { RunCommand } from './expanding.ts'
import type { Expanded, ExpandedRule, ExpandedServer, ExpandedTool, ExpandedUse } from './expanded.ts'
import type { Sources } from './references.ts'
import type { Report } from './report.ts'
import { matcherOf } from './rules.ts'
import { runEnvironment, runServer } from './run.ts'
import type { SecretReader } from './secrets.ts'
import { partsOf } from './uses.ts'

interface Context {
  readonly config: Expanded
  readonly report: Report
  readonly read: SecretReader
  readonly sources: Sources
  readonly run?: RunCommand
}

/** A server with its rules parsed and its secret read. */
export async function resolveServer(
  name: string,
  written: ExpandedServer,
  context: Context,
): Promise<Server> {
  const path: Path = ['servers', name]
  const rules = (key: 'allow' | 'deny') => resolveRules(written[key], [...path, key], context)
  const { client } = written
  const secret = client?.secret
  return {
    name,
    ...(written.url === undefined ? {} : { url: written.url }),
    ...resolveRun(name, context),
    resource: written.resource,
    audiences: written.audiences,
    extraAudiences: written.extra_audiences,
    ...(written.anonymous === undefined ? {} : { anonymous: written.anonymous }),
    ...(written.mode === 'observe' ? { observe: true } : {}),
    acceptSubjectToken: written.accept === 'subject-token',
    group: written.vault_group,
    allow: rules('allow'),
    deny: rules('deny'),
    direct: written.direct.map(partsOf),
    ...(written.connect.length === 0 ? {} : { connect: written.connect }),
    tools: Object.entries(written.tools).map(([tool, one]) =>
      resolveTool(tool, one, [...path, 'tools', tool], context),
    ),
    ...(client === undefined || secret === undefined
      ? {}
      : {
          client: {
            id: client.id,
            secret: await context.read.text(secret, [...path, 'client', 'secret'], 'client secret'),
          },
        }),
    environment: written.environment,
  }
}

function resolveRun(name: string, { run, config, sources, report }: Context): Pick<Server, 'stdio'> {
  if (run === undefined || runServer(config, run) !== name) return {}
  return {
    stdio: { command: run.command, env: runEnvironment(run, sources.env, report.document.value) },
  }
}

function resolveTool(name: string, written: ExpandedTool, path: Path, context: Context): Tool {
  const { uses, allow, deny, ...rest } = written
  return {
    name,
    ...rest,
    uses: uses.map(resolveUse),
    ...(allow === undefined ? {} : { allow: resolveRules(allow, [...path, 'allow'], context) }),
    ...(deny === undefined ? {} : { deny: resolveRules(deny, [...path, 'deny'], context) }),
  }
}

function resolveUse(use: string | ExpandedUse): Use {
  if (typeof use === 'string') return partsOf(use)
  const { op, ...rest } = use
  return { ...partsOf(op), ...rest }
}

function resolveRules(written: readonly ExpandedRule[], path: Path, context: Context): readonly Matcher[] {
  return written.flatMap((rule, index) => {
    const matcher = matcherOf(rule)
    return matcher === undefined ? [] : [withIssuer(matcher, [...path, index], context)]
  })
}

/** A subject is one of an issuer: users are of the login's, workloads of the one that is configured or named. */
function withIssuer(
  rule: Matcher,
  path: Path,
  { config, report }: Pick<Context, 'config' | 'report'>,
): Matcher {
  if (rule.kind === 'all' || rule.kind === 'any')
    return { ...rule, of: rule.of.map((it) => withIssuer(it, path, { config, report })) }
  if (rule.kind === 'user') return { ...rule, issuer: config.login?.issuer ?? '' }
  if (rule.kind !== 'workload') return rule
  const issuers = [...new Set(config.workloads.map(({ issuer }) => issuer))]
  if (rule.issuer !== undefined) {
    if (!issuers.includes(rule.issuer))
      report.fault(path, 'the issuer in this rule is none under workloads', 'name one of them, exactly')
    return rule
  }
  const [issuer, second] = issuers
  if (issuer === undefined)
    report.fault(path, 'no workload can sign in', 'say under workloads who issues their tokens')
  else if (second !== undefined) {
    report.fault(path, 'several issuers could issue this subject', 'write "workload:https://issuer subject"')
  }
  return { ...rule, issuer: issuer ?? '' }
}
