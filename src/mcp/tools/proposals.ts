import type { Downstream, KnownOperation, ProposedTool, Server } from '../../model/index.ts'
import { canHaveEntry, proposeTools } from '../propose/tools.ts'
import type { Listed } from './definition.ts'

/** Nobody reads more than this. */
const most = 1_000

export interface ProposalTerms {
  readonly servers: readonly Server[]
  readonly downstreams: readonly Downstream[]
  /** The entries as YAML, ready to be pasted. */
  readonly print: (
    tools: readonly ProposedTool[],
    at: { readonly server: string; readonly alone: boolean },
  ) => string
  readonly say: (text: string) => void
}

/**
 * Says of tools that are hidden because no entry covers them what an entry could look like, as `sallyport init` does. Each of
 * them once. What a server says of itself is a proposal: nothing here is in force.
 */
export function createProposals({
  servers,
  downstreams,
  print,
  say,
}: ProposalTerms): (server: Server, tools: readonly Listed[]) => void {
  const told = new Set<string>()
  const operations = downstreams.flatMap(operationsOf)
  return (server, tools) => {
    const names = new Set<string>()
    for (const tool of tools.filter(canHaveEntry)) {
      const key = `${server.name} ${tool.name}`
      if (told.has(key) || told.size >= most) continue
      told.add(key)
      names.add(tool.name)
    }
    if (names.size === 0) return
    const fresh = tools.filter(({ name }) => names.has(name))
    say(print(proposeTools(fresh, operations), { server: server.name, alone: servers.length === 1 }))
  }
}

/** As the configuration has them; of their bodies it says nothing. */
function operationsOf({ name: downstream, operations }: Downstream): readonly KnownOperation[] {
  return operations.map(({ method, path, class: risk }) => ({
    downstream,
    method,
    path,
    class: risk,
    parameters: new Map(),
  }))
}
