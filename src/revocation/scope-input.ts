import { type PrincipalKind, riskOrder, SallyportError, type Scope } from '../model/index.ts'

/** A scope as an administrator says it: the tenant is not theirs to choose, the issuer defaults to the login's. */
export interface ScopeInput {
  readonly kind: string
  readonly id?: string
  readonly issuer?: string
  /** Of a tool; where there is one server it need not be said. */
  readonly server?: string
}

const scopeKinds = [
  'tenant',
  'user',
  'workload',
  'client',
  'session',
  'connection',
  'consent',
  'downstream',
  'server',
  'tool',
  'class',
  'label',
] as const

/** JSON Schema of `ScopeInput`; the routes validate with it. */
export const scopeSchema = {
  type: 'object',
  required: ['kind'],
  additionalProperties: false,
  properties: {
    kind: {
      enum: scopeKinds,
    },
    id: { type: 'string', minLength: 1, maxLength: 512 },
    issuer: { type: 'string', minLength: 1, maxLength: 512 },
    server: { type: 'string', minLength: 1, maxLength: 63 },
  },
} as const

type Named<T = unknown> = T & { readonly name: string }

/** What of the configuration a scope needs. */
export interface ScopeNames {
  readonly tenant: string
  readonly issuer: string
  readonly workloadIssuers: readonly string[]
  readonly servers: readonly Named<{
    readonly tools: readonly Named<{ readonly labels?: readonly string[] }>[]
  }>[]
  readonly downstreams: readonly string[]
}

/**
 * A name that the configuration knows must exist, or a typing error would cut nothing and look like success. A
 * principal, client, session, connection or consent need not be known: the cut then waits for whoever comes by that name.
 *
 * @throws request_malformed, with the field and the remedy
 */
export function readScope(input: ScopeInput, names: ScopeNames): Scope {
  const { tenant } = names
  if (input.kind === 'tenant') return { kind: 'tenant', tenant }
  const { id } = input
  if (id === undefined) throw malformed('scope.id', 'name what to revoke')
  switch (input.kind) {
    case 'user':
    case 'workload':
      return {
        kind: 'user',
        principal: { kind: input.kind, tenant, issuer: issuerOf(input, names), subject: id },
      }
    case 'client':
      return { kind: 'client', tenant, client: id }
    case 'session':
      return { kind: 'session', tenant, sid: id }
    case 'connection':
      return { kind: 'connection', tenant, connection: id }
    case 'consent':
      return { kind: 'consent', tenant, consent: id }
    case 'downstream':
      return { kind: 'downstream', tenant, downstream: known(id, names.downstreams, 'downstream') }
    case 'server':
      return { kind: 'server', tenant, server: known(id, names.servers.map(nameOf), 'server') }
    case 'tool':
      return { kind: 'tool', tenant, ...toolOf(input.server, id, names) }
    case 'class': {
      const risk = riskOrder.find((it) => it === id)
      if (risk === undefined) throw malformed('scope.id', `one of ${riskOrder.join(', ')}`)
      return { kind: 'class', tenant, class: risk }
    }
    case 'label': {
      const labels = names.servers.flatMap(({ tools }) => tools.flatMap((tool) => tool.labels ?? []))
      return { kind: 'label', tenant, label: known(id, labels, 'tool with a label') }
    }
    default:
      throw malformed('scope.kind', `one of ${scopeKinds.join(', ')}`)
  }
}

/** The same of what can be revoked and held: a class or label is a way to name tools, and has nothing that could be cut. */
export function readRevocable(input: ScopeInput, names: ScopeNames): Scope {
  const scope = readScope(input, names)
  if (scope.kind === 'class' || scope.kind === 'label')
    throw malformed('scope.kind', `a ${scope.kind} is switched off and on: sallyport disable ${scope.kind} …`)
  return scope
}

function issuerOf(input: ScopeInput, names: ScopeNames): string {
  const issuers = issuersOf(input.kind as PrincipalKind, names)
  const issuer = input.issuer ?? (issuers.length === 1 ? issuers[0] : undefined)
  if (issuer === undefined) throw malformed('scope.issuer', 'say which issuer the principal is of')
  return issuer
}

function issuersOf(kind: PrincipalKind, names: ScopeNames): readonly string[] {
  return kind === 'user' ? [names.issuer] : names.workloadIssuers
}

function known(name: string, names: readonly string[], what: string): string {
  if (names.includes(name)) return name
  throw malformed('scope.id', `the configuration has no ${what} of this name`)
}

/** A tool is one of its server: two servers may each have one of the name. */
function toolOf(server: string | undefined, tool: string, names: ScopeNames) {
  const { servers } = names
  if (server === undefined && servers.length > 1)
    throw malformed('scope.server', 'say which server the tool is of')
  const found = servers.find(({ name }) => server === undefined || name === server)
  if (found === undefined) throw malformed('scope.server', 'the configuration has no server of this name')
  const tools = found.tools.map(nameOf)
  // One entry may stand for all tools that have none of their own.
  return { server: found.name, tool: tools.includes('*') ? tool : known(tool, tools, 'tool') }
}

const nameOf = ({ name }: Named): string => name

function malformed(field: string, remedy: string): SallyportError {
  return new SallyportError('request_malformed', { field, remedy })
}

/** Cut and hold for what should not come back by itself, cut alone for what ends with a sign-out (design §7). */
export function holdsByDefault(scope: Scope): boolean {
  return ['user', 'client', 'server', 'tool'].includes(scope.kind)
}
