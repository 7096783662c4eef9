import type { Scope } from '../../model/index.ts'

/** A WHERE clause over the columns that the tables share. */
export interface ScopeQuery {
  readonly where: string
  readonly values: readonly string[]
}

type Table = 'sessions' | 'connections' | 'sign_ins' | 'consents'

const nothing: ScopeQuery = { where: '0', values: [] }

/** Which column of a table holds what a scope names; a scope that is not here is nothing to that table. */
const columns: Readonly<Record<Table, Readonly<Partial<Record<Scope['kind'], string>>>>> = {
  sessions: { client: 'client', server: 'server', session: 'sid' },
  sign_ins: { client: 'client', server: 'server', session: 'sid' },
  connections: {
    client: 'client',
    server: 'server',
    session: 'sid',
    downstream: 'downstream',
    connection: 'id',
  },
  consents: {
    client: 'client',
    server: 'server',
    downstream: 'downstream',
    connection: 'connection',
    consent: 'id',
  },
}

/** What a scope selects. A scope that a table knows nothing of selects nothing there, never everything. */
export function scopeQuery(scope: Scope, table: Table): ScopeQuery {
  if (scope.kind === 'tenant') return { where: 'tenant = ?', values: [scope.tenant] }
  if (scope.kind === 'user') {
    const { tenant, kind, issuer, subject } = scope.principal
    return {
      where: 'tenant = ? AND kind = ? AND issuer = ? AND subject = ?',
      values: [tenant, kind, issuer, subject],
    }
  }
  const column = columns[table][scope.kind]
  const named = nameOf(scope)
  if (column === undefined || named === undefined) return nothing
  return { where: `tenant = ? AND ${column} = ?`, values: [scope.tenant, named] }
}

function nameOf(scope: Exclude<Scope, { kind: 'tenant' | 'user' }>): string | undefined {
  switch (scope.kind) {
    case 'client':
      return scope.client
    case 'session':
      return scope.sid
    case 'server':
      return scope.server
    case 'downstream':
      return scope.downstream
    case 'connection':
      return scope.connection
    case 'consent':
      return scope.consent
    case 'tool':
    case 'class':
    case 'label':
      return undefined
  }
}
