import type { RiskClass, Server } from '../../model/index.ts'
import type { Listed } from './definition.ts'

/** Names that the configuration takes and that YAML reads as text without quotes. */
const configurable = /^[A-Za-z0-9_./-]{1,128}$/
const plainKey = /^(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z_][A-Za-z0-9_./-]*$/i

/** Nobody reads more than this. */
const most = 1_000

/**
 * Says of tools that are hidden because no entry covers them what an entry could look like, ready to be pasted. Each of
 * them once. What a server says of itself is a proposal: nothing here is in force.
 */
export function createProposals(
  say: (text: string) => void,
  servers: readonly Server[],
): (server: Server, tools: readonly Listed[]) => void {
  const told = new Set<string>()
  return (server, tools) => {
    const fresh = new Map<string, RiskClass>()
    for (const tool of tools) {
      const key = `${server.name} ${tool.name}`
      if (told.has(key) || told.size >= most || !configurable.test(tool.name)) continue
      told.add(key)
      fresh.set(tool.name, proposedClass(tool))
    }
    if (fresh.size > 0) say(snippet(server.name, servers.length === 1, fresh))
  }
}

/** Not telling is changing: what says nothing of itself is no read. */
function proposedClass({ annotations }: Listed): RiskClass {
  const reads = typeof annotations === 'object' && annotations !== null && 'readOnlyHint' in annotations
  return reads && annotations.readOnlyHint === true ? 'read' : 'write'
}

function snippet(server: string, alone: boolean, tools: ReadonlyMap<string, RiskClass>): string {
  const short = alone && server === 'main'
  const above = short ? ['tools:'] : ['servers:', `  ${server}:`, '    tools:']
  const indent = short ? '  ' : '      '
  const entries = [...tools].map(([name, risk]) => {
    const key = plainKey.test(name) ? name : JSON.stringify(name)
    return `${indent}${key}: { class: ${risk}, uses: [] } # a proposal, by the server's own hint`
  })
  const about = `\n# ${server} offers tools that no entry covers: they are hidden. What they use and are is for you to say.\n`
  return `${about}${[...above, ...entries].join('\n')}\n\n`
}
