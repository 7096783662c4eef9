import type { Scope, Work } from '../model/index.ts'
import type { Need } from './need.ts'

/**
 * Whose a credential is. `system`: the server's, the same for everyone. `principal`: a linked account, the same
 * in all sessions of that person. `session`: derived from one sign-in, and gone with it.
 */
export type Ownership = 'system' | 'principal' | 'session'

/** The work that a request is; what the gate is asked about before a credential is handed to it. */
export function workOf(need: Need, connection?: string): Work {
  const { session, call } = need.access
  return {
    principal: session.principal,
    client: session.client,
    server: need.server.name,
    sid: session.sid,
    downstream: need.downstream.name,
    ...(connection === undefined ? {} : { connection }),
    ...(call === undefined ? {} : { tool: call.tool, call: call.id }),
  }
}

/**
 * The work that a credential belongs to. What does not apply to it is empty, and nothing can cut an empty name:
 * so a cut of one client leaves the person's linked account alone, and a cut of one person the system's token.
 */
export function ownerOf(need: Need, ownership: Ownership, connection?: string): Work {
  const { session } = need.access
  const place = {
    server: need.server.name,
    downstream: need.downstream.name,
    ...(connection === undefined ? {} : { connection }),
  }
  if (ownership === 'session') {
    return { ...place, principal: session.principal, client: session.client, sid: session.sid }
  }
  if (ownership === 'principal') return { ...place, principal: session.principal, client: '', sid: '' }
  const { tenant } = session.principal
  return { ...place, principal: { kind: 'workload', tenant, issuer: '', subject: '' }, client: '', sid: '' }
}

/** Does the scope reach this work? The same answer as looking for `scopeKey` in `workKeys`, without making text: no credential is of a class or label. */
export function reaches(scope: Scope, work: Work): boolean {
  const { principal } = work
  if (scope.kind === 'user') {
    const cut = scope.principal
    return (
      cut.subject === principal.subject &&
      cut.issuer === principal.issuer &&
      cut.kind === principal.kind &&
      cut.tenant === principal.tenant
    )
  }
  return scope.tenant === principal.tenant && isWithin(scope, work)
}

function isWithin(scope: Exclude<Scope, { kind: 'user' }>, work: Work): boolean {
  switch (scope.kind) {
    case 'tenant':
      return true
    case 'client':
      return scope.client === work.client
    case 'session':
      return scope.sid === work.sid
    case 'connection':
      return scope.connection === work.connection
    case 'consent':
      return scope.consent === work.consent
    case 'downstream':
      return scope.downstream === work.downstream
    case 'server':
      return scope.server === work.server
    case 'tool':
      return scope.server === work.server && scope.tool === work.tool
    case 'class':
    case 'label':
      return false
  }
}
