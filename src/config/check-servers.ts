import { type RiskClass, riskOrder } from '../model/index.ts'
import { checkClient } from './check-downstreams.ts'
import type { Path } from './document.ts'
import type { Expanded, ExpandedServer, ExpandedTool } from './expanded.ts'
import type { Report } from './report.ts'

/** Rules and uses that would never do anything are faults: whoever wrote them believes that they do. */
export function checkServers(config: Expanded, report: Report): void {
  const used = new Set<string>()
  const clients = new Map<string, string>()
  for (const [name, server] of Object.entries(config.servers)) {
    const path = ['servers', name]
    if (server.allow.length === 0)
      report.warn([...path, 'allow'], 'nobody may work at this server', 'give allow: ["group:…"]')
    checkDirect(server, path, config, report)
    for (const [tool, one] of Object.entries(server.tools))
      checkTool(one, [...path, 'tools', tool], config, report)
    checkServerClient(name, server, clients, report)
    const uses = Object.values(server.tools).flatMap((tool) => tool.uses)
    for (const use of [...server.direct, ...uses]) used.add(partsOf(use).downstream)
  }
  for (const name of Object.keys(config.downstreams)) {
    if (!used.has(name))
      report.warn(
        ['downstreams', name],
        'no server uses this downstream',
        'name it under direct or in a tool',
      )
  }
}

interface Parts {
  readonly downstream: string
  readonly operation?: string
}

/** `orders GET /orders` in its two parts. */
export function partsOf(use: string | { readonly op: string }): Parts {
  const text = typeof use === 'string' ? use : use.op
  const blank = text.indexOf(' ')
  return blank < 0
    ? { downstream: text }
    : { downstream: text.slice(0, blank), operation: text.slice(blank + 1) }
}

/** The classes of what a use covers; empty where it names nothing, which is a fault already. */
function classesOf(use: string | { readonly op: string }, config: Expanded): readonly RiskClass[] {
  const { downstream, operation } = partsOf(use)
  const operations = config.downstreams[downstream]?.operations ?? []
  return operations.filter((it) => operation === undefined || it.op === operation).map((it) => it.class)
}

function checkDirect(server: ExpandedServer, path: Path, config: Expanded, report: Report): void {
  for (const [index, use] of server.direct.entries()) {
    const classes = classesOf(use, config)
    if (classes.length === 0) continue
    const place = [...path, 'direct', index]
    if (partsOf(use).operation === undefined) {
      if (!classes.includes('read'))
        report.fault(
          place,
          'the downstream has no operation of class read, so this permits nothing',
          'name the operation: "orders POST /orders"',
        )
    } else if (classes.includes('critical')) {
      report.fault(
        place,
        'a critical operation is only done within a tool call',
        'remove it here and name it in a tool',
      )
    } else if (classes.includes('never')) {
      report.fault(
        place,
        'an operation of class never is never done',
        'remove it here, or give the operation another class',
      )
    } else if (classes.includes('read-sensitive')) {
      report.fault(
        place,
        'read-sensitive needs response redaction, which this version does not have',
        'remove it here',
      )
    }
  }
}

function checkTool(tool: ExpandedTool, path: Path, config: Expanded, report: Report): void {
  const level = (risk: RiskClass) => riskOrder.indexOf(risk)
  for (const [index, use] of tool.uses.entries()) {
    const classes = classesOf(use, config)
    const place = [...path, 'uses', index]
    if (classes.length === 0 || tool.class === 'never') continue
    if (classes.every((risk) => risk === 'never')) {
      report.fault(
        place,
        'this is of class never, so the tool could not do it',
        'remove it, or give the operation another class',
      )
    } else if (classes.every((risk) => level(risk) > level(tool.class))) {
      report.fault(
        place,
        `this is above the class of the tool, ${tool.class}, so it could not do it`,
        'give the tool the class of what it does',
      )
    }
  }
  const key = tool.approve === undefined ? 'confirm' : 'approve'
  if (tool[key] !== undefined)
    report.warn(
      [...path, key],
      'this version cannot ask people, so it refuses the tool',
      'leave it as it is, or remove it',
    )
  else if (tool.class === 'read-sensitive') {
    report.warn(
      [...path, 'class'],
      'this version does not redact, so it refuses the tool',
      'leave it as it is, or give another class',
    )
  }
}

function checkServerClient(
  name: string,
  { client }: ExpandedServer,
  clients: Map<string, string>,
  report: Report,
): void {
  if (client === undefined) return
  const path = ['servers', name, 'client']
  if (client.secret === undefined) report.fault(path, 'the client has no secret', 'give secret: file:…')
  checkClient(client, path, report)
  const other = clients.get(client.id)
  if (other !== undefined)
    report.fault([...path, 'id'], `the server ${other} has the same client id`, 'give each server its own')
  clients.set(client.id, name)
}
