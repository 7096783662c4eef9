import { type Facts, type RiskClass, stricter } from '../model/index.ts'
import {
  asker,
  type Bundle,
  type CompiledServer,
  type Denied,
  deny,
  type Granted,
  known,
  type Trace,
  toolOf,
} from './bundle.ts'
import {
  type Case,
  denyingNote,
  firstAllowing,
  firstDenying,
  metNote,
  type RuledWork,
  unmetNote,
} from './rules.ts'

export interface Admitted extends Granted {
  readonly server: CompiledServer
  readonly case: Case
}

/**
 * May this principal work at this server, and do there what the facts say, as far as rules go? Tenant, server, deny rules,
 * allow rules.
 */
export function admission(
  bundle: Bundle,
  facts: Facts,
  trace?: Trace,
  meant: 'work' | 'session' | 'tunnel' = 'work',
): Denied | Admitted {
  const ask = asker(trace)
  const { tenant } = facts.principal
  if (!ask('tenant', tenant === bundle.tenant, () => `the principal is of tenant ${tenant}`)) {
    return deny('token_tenant_refused', 'tenant')
  }
  const server = bundle.servers.get(facts.server)
  if (!ask('server', server, () => known(facts.server, server))) {
    return deny('server_unknown', 'servers')
  }
  const work = meant === 'tunnel' ? tunnelWork : meant === 'work' ? workOf(bundle, server, facts) : undefined
  const it: Case = {
    facts,
    environment: server.server.environment,
    ...(work === undefined ? {} : { work }),
  }
  const denying = firstDenying(server.deny, it)
  const denyNote = () =>
    denying === undefined ? `none of ${server.deny.length} deny rules` : denyingNote(denying)
  if (!ask('deny rules', denying === undefined, denyNote) && denying !== undefined) {
    return deny(denying.reason, denying.rule.place)
  }
  const allowing = firstAllowing(server.allow, it)
  const allowNote = () => (allowing === undefined ? unmetNote(server.allow, it) : metNote(allowing))
  if (!ask('allow rules', allowing, allowNote)) {
    return deny('not_allowed', `${server.place}.allow`)
  }
  return { effect: 'allow', rule: allowing.place, server, case: it }
}

/** Whatever goes through a tunnel has no class, so a deny rule for one denies. */
const tunnelWork: RuledWork = { labels: [] }

/** What is to be done, as rules name it: a call of a tool, or an operation without one. */
function workOf(bundle: Bundle, server: CompiledServer, facts: Facts): RuledWork | undefined {
  const { tool: name } = facts
  if (name !== undefined) {
    const tool = toolOf(server, name)?.tool
    return { tool: name, class: tool?.class ?? 'never', labels: tool?.labels ?? [] }
  }
  return facts.downstream === undefined
    ? undefined
    : { class: operationClass(bundle, facts.downstream, facts), labels: [] }
}

function operationClass({ downstreams }: Bundle, name: string, { operation: asked }: Facts): RiskClass {
  const operation = asked && downstreams.get(name)?.operations.get(asked.id)
  return operation === undefined ? 'never' : stricter(operation.class, asked?.class ?? 'never')
}
