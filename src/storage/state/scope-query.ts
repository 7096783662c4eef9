import type { Scope } from '../../model/index.ts'

/** A WHERE clause over the columns that sessions and connections share. */
export interface ScopeQuery {
  readonly where: string
  readonly values: readonly string[]
}

const nothing: ScopeQuery = { where: '0', values: [] }

/** What a scope selects. A scope that a table knows nothing of selects nothing there, never everything. */
export function scopeQuery(scope: Scope, table: 'sessions' | 'connections'): ScopeQuery {
  switch (scope.kind) {
    case 'tenant':
      return { where: 'tenant = ?', values: [scope.tenant] }
    case 'user': {
      const { tenant, kind, issuer, subject } = scope.principal
      return {
        where: 'tenant = ? AND kind = ? AND issuer = ? AND subject = ?',
        values: [tenant, kind, issuer, subject],
      }
    }
    case 'client':
      return { where: 'tenant = ? AND client = ?', values: [scope.tenant, scope.client] }
    case 'session':
      return { where: 'tenant = ? AND sid = ?', values: [scope.tenant, scope.sid] }
    case 'server':
      return { where: 'tenant = ? AND server = ?', values: [scope.tenant, scope.server] }
    case 'downstream':
      return table === 'sessions'
        ? nothing
        : { where: 'tenant = ? AND downstream = ?', values: [scope.tenant, scope.downstream] }
    case 'connection':
      return table === 'sessions'
        ? nothing
        : { where: 'tenant = ? AND id = ?', values: [scope.tenant, scope.connection] }
    case 'tool':
    case 'class':
    case 'label':
      return nothing
  }
}
