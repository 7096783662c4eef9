import type { RiskClass } from './downstream.ts'
import { joinKey, type Principal, principalKey } from './principal.ts'

/**
 * What a revocation, hold or switch reaches (design §7). `user` and `workload` name a principal by issuer and
 * subject.
 */
export type Scope =
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: 'user'; readonly principal: Principal }
  | { readonly kind: 'client'; readonly tenant: string; readonly client: string }
  | { readonly kind: 'session'; readonly tenant: string; readonly sid: string }
  | { readonly kind: 'connection'; readonly tenant: string; readonly connection: string }
  | { readonly kind: 'consent'; readonly tenant: string; readonly consent: string }
  | { readonly kind: 'downstream'; readonly tenant: string; readonly downstream: string }
  | { readonly kind: 'server'; readonly tenant: string; readonly server: string }
  | { readonly kind: 'tool'; readonly tenant: string; readonly server: string; readonly tool: string }
  /** These two are switched off and on, and not revoked: nothing is made for them. */
  | { readonly kind: 'class'; readonly tenant: string; readonly class: RiskClass }
  | { readonly kind: 'label'; readonly tenant: string; readonly label: string }

/** Everything that a piece of work belongs to; what is absent cannot be cut by that scope. */
export interface Work {
  readonly principal: Principal
  readonly client: string
  readonly server: string
  readonly sid: string
  readonly downstream?: string
  readonly connection?: string
  /** By which the client may use the connection through the server. */
  readonly consent?: string
  readonly tool?: string
  readonly call?: string
  /** Of the operation at a downstream; of the tool where a server is called. */
  readonly class?: RiskClass
  /** Those of the tool. */
  readonly labels?: readonly string[]
}

export function scopeKey(scope: Scope): string {
  switch (scope.kind) {
    case 'tenant':
      return joinKey('tenant', scope.tenant)
    case 'user':
      return joinKey('user', principalKey(scope.principal))
    case 'client':
      return joinKey('client', scope.tenant, scope.client)
    case 'session':
      return joinKey('session', scope.tenant, scope.sid)
    case 'connection':
      return joinKey('connection', scope.tenant, scope.connection)
    case 'consent':
      return joinKey('consent', scope.tenant, scope.consent)
    case 'downstream':
      return joinKey('downstream', scope.tenant, scope.downstream)
    case 'server':
      return joinKey('server', scope.tenant, scope.server)
    case 'tool':
      return joinKey('tool', scope.tenant, scope.server, scope.tool)
    case 'class':
      return joinKey('class', scope.tenant, scope.class)
    case 'label':
      return joinKey('label', scope.tenant, scope.label)
  }
}

/** The keys of every scope that would reach this work: what `covers` looks up, and what live work is filed under. */
export function workKeys(work: Work): string[] {
  const { tenant } = work.principal
  const keys = [
    joinKey('tenant', tenant),
    joinKey('user', principalKey(work.principal)),
    joinKey('client', tenant, work.client),
    joinKey('session', tenant, work.sid),
    joinKey('server', tenant, work.server),
  ]
  if (work.downstream !== undefined) keys.push(joinKey('downstream', tenant, work.downstream))
  if (work.connection !== undefined) keys.push(joinKey('connection', tenant, work.connection))
  if (work.consent !== undefined) keys.push(joinKey('consent', tenant, work.consent))
  if (work.tool !== undefined) keys.push(joinKey('tool', tenant, work.server, work.tool))
  if (work.class !== undefined) keys.push(joinKey('class', tenant, work.class))
  for (const label of work.labels ?? []) keys.push(joinKey('label', tenant, label))
  if (work.call !== undefined) keys.push(joinKey('call', tenant, work.call))
  return keys
}
