import type { Facts } from '../model/index.ts'
import {
  asker,
  type Bundle,
  type CompiledServer,
  type Denied,
  deny,
  type Granted,
  known,
  type Trace,
} from './bundle.ts'
import { denyingNote, firstAllowing, firstDenying, metNote, unmetNote } from './rules.ts'

export interface Admitted extends Granted {
  readonly server: CompiledServer
}

/** May this principal work at this server at all? Tenant, server, deny rules, allow rules. */
export function admission(bundle: Bundle, facts: Facts, trace?: Trace): Denied | Admitted {
  const ask = asker(trace)
  const { tenant } = facts.principal
  if (!ask('tenant', tenant === bundle.tenant, () => `the principal is of tenant ${tenant}`)) {
    return deny('token_tenant_refused', 'tenant')
  }
  const server = bundle.servers.get(facts.server)
  if (!ask('server', server, () => known(facts.server, server))) {
    return deny('server_unknown', 'servers')
  }
  const denying = firstDenying(server.deny, facts)
  const denyNote = () =>
    denying === undefined ? `none of ${server.deny.length} deny rules` : denyingNote(denying)
  if (!ask('deny rules', denying === undefined, denyNote) && denying !== undefined) {
    return deny(denying.certain ? 'denied_by_rule' : 'groups_incomplete', denying.rule.place)
  }
  const allowing = firstAllowing(server.allow, facts)
  const allowNote = () => (allowing === undefined ? unmetNote(server.allow, facts) : metNote(allowing))
  if (!ask('allow rules', allowing, allowNote)) {
    return deny('not_allowed', `${server.place}.allow`)
  }
  return { effect: 'allow', rule: allowing.place, server }
}
