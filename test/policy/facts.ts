import { compilePolicy, type Policy } from '../../src/policy/index.ts'
import type { Downstream, Facts, Operation, RiskClass, Server, Tool } from '../../src/model/index.ts'
import { Secret } from '../../src/model/index.ts'

export const issuer = 'https://idp.example'

export function operation(text: string, risk: RiskClass): Operation {
  const [method = '', path = ''] = text.split(' ')
  return { id: text, method, path, class: risk }
}

export const operations: readonly Operation[] = [
  operation('GET /orders', 'read'),
  operation('GET /orders/{id}', 'read'),
  operation('GET /people/{id}', 'read-sensitive'),
  operation('POST /orders', 'write'),
  operation('POST /orders/{id}/refunds', 'critical'),
  operation('POST /graphql', 'never'),
]

export function downstream(name: string, list: readonly Operation[] = operations): Downstream {
  return {
    name,
    origin: `https://${name}.example`,
    basePath: '',
    resource: `https://${name}.example`,
    operations: list,
    credential: {
      kind: 'static',
      per: 'all',
      placement: { kind: 'bearer' },
      value: new Secret('x', 'static key'),
      owner: 'crm-team',
    },
  }
}

export function tool(name: string, risk: RiskClass, uses: Tool['uses'], more: Partial<Tool> = {}): Tool {
  return { name, class: risk, uses, ...more }
}

export function server(more: Partial<Server> = {}): Server {
  return {
    name: 'crm',
    resource: 'https://crm.example',
    audiences: ['https://crm.example'],
    extraAudiences: [],
    acceptSubjectToken: false,
    group: 'crm',
    allow: [{ kind: 'group', value: 'crm-users' }],
    deny: [],
    direct: [],
    tools: [],
    ...more,
  }
}

export function policyOf(more: Partial<Server> = {}): Policy {
  return compilePolicy({
    tenant: 'acme',
    version: '0123456789abcdef',
    servers: [server(more)],
    downstreams: [downstream('orders'), downstream('legacy')],
  })
}

export function facts(more: Partial<Facts> = {}): Facts {
  return {
    principal: { kind: 'user', tenant: 'acme', issuer, subject: 'alice' },
    client: 'desktop',
    server: 'crm',
    groups: ['crm-users'],
    groupsComplete: true,
    downstream: 'orders',
    audienceGranted: true,
    ...more,
  }
}

export function at(text: string): Operation {
  const found = operations.find((it) => it.id === text)
  if (found === undefined) throw new Error(`no operation ${text} in the test's downstream`)
  return found
}
