import { expandCaps } from './caps.ts'
import type { Path } from './document.ts'
import { present } from './expanding.ts'
import { expandOp, expandUse, type UseTerms } from './expand-uses.ts'
import type { ExpandedLogin, ExpandedServer, ExpandedTool } from './expanded.ts'
import { onlyServer } from './report.ts'
import type { WrittenConfig } from './schema/root.ts'

type Written = NonNullable<WrittenConfig['servers']>[string]
type WrittenTool = NonNullable<Written['tools']>[string]

export interface ServerTerms extends UseTerms {
  readonly url: string
  readonly environment: string
  readonly login: ExpandedLogin | undefined
  /** dev starts without any server. */
  readonly mayBeEmpty: boolean
}

const shortKeys = [
  'server',
  'allow',
  'deny',
  'tools',
  'direct',
  'connect',
  'accept',
  'anonymous',
  'mode',
] as const

/** Write the servers out; the short form becomes one server named `main`. */
export function expandServers(
  written: WrittenConfig,
  terms: ServerTerms,
): Readonly<Record<string, ExpandedServer>> {
  const { report } = terms
  const used = shortKeys.filter((key) => written[key] !== undefined)
  if (written.servers !== undefined) {
    for (const key of used) {
      report.fault(
        [key],
        `"${key}" is the short form for one server, and "servers" stands beside it`,
        'write it under the server that it is for',
      )
    }
    if (Object.keys(written.servers).length === 0)
      report.fault(['servers'], 'there is no server', 'name at least one')
  } else if (used.length === 0 && !terms.mayBeEmpty) {
    report.fault(
      ['server'],
      'there is no server',
      'write server: with the address of the MCP server, or servers: for several',
    )
  }
  const { server: url, allow, deny, tools, direct, connect, accept, anonymous, mode } = written
  const named = written.servers ?? {
    [onlyServer]: { url, allow, deny, tools, direct, connect, accept, anonymous, mode },
  }
  const alone = Object.keys(named).length === 1
  return Object.fromEntries(
    Object.entries(named).map(([name, one]) => [name, expandServer(name, one, { ...terms, alone })]),
  )
}

function expandServer(
  name: string,
  written: Written,
  terms: ServerTerms & { readonly alone: boolean },
): ExpandedServer {
  const { url, accept, anonymous, client } = written
  return {
    ...present({ url, accept, anonymous, client: client === undefined ? undefined : present(client) }),
    insecure: written.insecure ?? false,
    mode: written.mode ?? 'enforce',
    ...expandAudiences(name, written, terms),
    ...expandRules(['servers', name], written, terms),
    environment: written.environment ?? terms.environment,
    caps: expandCaps(written.caps),
    vault_group: written.vault_group ?? name,
  }
}

function expandAudiences(
  name: string,
  written: Written,
  { url, alone, login }: ServerTerms & { readonly alone: boolean },
): Pick<ExpandedServer, 'resource' | 'audiences' | 'extra_audiences'> {
  const resource = written.resource ?? (alone ? `${url}/mcp` : `${url}/${name}/mcp`)
  const extra = written.extra_audiences ?? 'refuse'
  return {
    resource,
    audiences: written.audiences ?? login?.audiences ?? [resource],
    extra_audiences: extra === 'refuse' ? [] : extra,
  }
}

function expandRules(
  place: Path,
  { allow, deny, tools, direct, connect }: Written,
  terms: ServerTerms,
): Pick<ExpandedServer, 'allow' | 'deny' | 'tools' | 'direct' | 'connect'> {
  const entries = Object.entries(tools ?? {})
  return {
    allow: allow ?? [],
    deny: deny ?? [],
    tools: Object.fromEntries(
      entries.map(([name, tool]) => [name, expandTool(tool, [...place, 'tools', name], terms)]),
    ),
    direct: (direct ?? []).map((use, index) => expandOp(use, [...place, 'direct', index], terms)),
    connect: connect ?? [],
  }
}

function expandTool(written: WrittenTool, place: Path, terms: ServerTerms): ExpandedTool {
  const { uses, approve, ...rest } = written
  return {
    ...present(rest),
    ...(approve === undefined ? {} : { approve: { by: approve.by, people: approve.people ?? 1 } }),
    uses: uses.map((use, index) => expandUse(use, [...place, 'uses', index], terms)),
  }
}
