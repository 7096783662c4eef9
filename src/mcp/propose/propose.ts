import type {
  KnownApi,
  KnownOperation,
  Proposal,
  ProposedDownstream,
  ProposedTool,
  ProposedUse,
} from '../../model/index.ts'
import type { Listed } from '../tools/definition.ts'
import { classOf } from './operations.ts'
import { canHaveEntry, proposeTools } from './tools.ts'

/** Where a document does not say where its API is: a name that leads nowhere (RFC 2606 §2). */
const nowhere = 'https://api.invalid'

/** What `propose` goes by. */
export interface Known {
  /** The address of the MCP server. */
  readonly server: string
  readonly tools: readonly Listed[]
  /** How many entries of its list have no name. */
  readonly nameless: number
  readonly api?: KnownApi
}

/** A configuration to begin with, in which nobody is allowed anything. The same knowledge gives the same proposal. */
export function propose({ server, tools, nameless, api }: Known): Proposal {
  const classed = (api?.operations ?? []).map((operation) => ({ operation, ...classOf(operation) }))
  const operations = classed.map(({ operation, class: risk }) => ({ ...operation, class: risk }))
  const proposed = proposeTools(tools, operations)
  const unnamed = tools.filter((tool) => !canHaveEntry(tool)).map(({ name }) => name)
  return {
    server,
    tools: proposed,
    leftOut: [
      ...[...new Set(unnamed)].sort().map((name) => `${JSON.stringify(name)}: no entry can have this name`),
      ...(nameless === 0 ? [] : [`${nameless} entries of its list without a name`]),
    ],
    ...(api === undefined
      ? {}
      : { downstream: downstreamOf(api, { classed, used: new Set(proposed.flatMap(opsOf)) }) }),
  }
}

interface Classed {
  readonly classed: readonly (ReturnType<typeof classOf> & { readonly operation: KnownOperation })[]
  /** Names of the operations that a tool has, or could have. */
  readonly used: ReadonlySet<string>
}

const opsOf = ({ uses, instead }: ProposedTool): readonly string[] =>
  [...uses, ...(instead?.uses ?? [])].map(({ op }: ProposedUse) => op)

function downstreamOf({ name, url, leftOut }: KnownApi, { classed, used }: Classed): ProposedDownstream {
  return {
    name,
    url: url ?? nowhere,
    whyUrl:
      url === undefined
        ? 'The document names no address that can be used: write it here.'
        : 'As the document names it: whoever is there gets the credential.',
    operations: classed.map(({ operation, class: risk, why }) => {
      const op = `${operation.method} ${operation.path}`
      return { op, class: risk, why, unused: !used.has(`${name} ${op}`) }
    }),
    leftOut,
  }
}

/** The same where the address of the document cannot be that of a downstream. */
export function withoutAddress(proposal: Proposal): Proposal {
  const { downstream } = proposal
  if (downstream === undefined) return proposal
  const whyUrl = 'The address in the document cannot be that of a downstream: write it here.'
  return { ...proposal, downstream: { ...downstream, url: nowhere, whyUrl } }
}
