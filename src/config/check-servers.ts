import { loginGroup } from '../exchange/index.ts'
import { asksFor, isMethodName, type RiskClass, level } from '../model/index.ts'
import { checkClient } from './check-downstreams.ts'
import { checkRules } from './check-rules.ts'
import { checkUses } from './check-uses.ts'
import { type Path, valueAt } from './document.ts'
import type { Expanded, ExpandedOperation, ExpandedServer, ExpandedTool } from './expanded.ts'
import type { Report } from './report.ts'
import { matcherOf } from './rules.ts'
import { coveredBy, partsOf } from './uses.ts'

/** Rules and uses that would never do anything are faults: whoever wrote them believes that they do. */
export function checkServers(config: Expanded, report: Report): void {
  const used = new Set<string>()
  const clients = new Map<string, string>()
  for (const [name, server] of Object.entries(config.servers)) {
    const path = ['servers', name]
    if (server.allow.length === 0)
      report.warn([...path, 'allow'], 'nobody may work at this server', 'give allow: ["group:…"]')
    checkRules(server, path, config, report)
    checkDirect(server, path, config, report)
    for (const [tool, one] of Object.entries(server.tools))
      checkTool(one, [...path, 'tools', tool], config, report)
    checkServerClient(name, server, clients, report)
    if (server.vault_group === loginGroup)
      report.fault(
        [...path, 'vault_group'],
        `the vault group ${loginGroup} is where people’s sign-ins lie, and no server’s`,
        'give vault_group another name',
      )
    const uses = Object.values(server.tools).flatMap((tool) => tool.uses)
    for (const use of [...server.direct, ...uses]) used.add(partsOf(use).downstream)
  }
  for (const name of Object.keys(config.downstreams)) {
    if (used.has(name)) checkUnused(name, config, report)
    else
      report.warn(
        ['downstreams', name],
        'no server uses this downstream',
        'name it under direct or in a tool',
      )
  }
}

/** What OpenAPI proposes is more than anyone asked for; what was written was meant to be used. */
function checkUnused(name: string, config: Expanded, report: Report): void {
  const place = ['downstreams', name, 'operations']
  const written = valueAt(report.document.value, place)
  const operations = config.downstreams[name]?.operations ?? []
  for (const [index, operation] of operations
    .slice(0, Array.isArray(written) ? written.length : 0)
    .entries()) {
    if (
      operation.class === 'never' ||
      Object.values(config.servers).some((server) => does(server, name, operation))
    )
      continue
    report.warn(
      [...place, index],
      'nothing may do this operation',
      'name it under direct or in a tool, or remove it',
    )
  }
}

/** May a session or a call at this server do the operation at all? */
function does(
  { direct, tools }: ExpandedServer,
  name: string,
  { op, class: risk }: ExpandedOperation,
): boolean {
  const covers = (use: string | { readonly op: string }, wide: boolean) => {
    const { downstream, operation } = partsOf(use)
    return downstream === name && (operation === undefined ? wide : operation === op)
  }
  if (direct.some((use) => covers(use, risk === 'read'))) return true
  return Object.values(tools).some(
    (tool) => level(risk) <= level(tool.class) && tool.uses.some((use) => covers(use, true)),
  )
}

/** The classes of what a use covers; empty where it names nothing, which is a fault already. */
function classesOf(use: string | { readonly op: string }, config: Expanded): readonly RiskClass[] {
  return coveredBy(use, config).map((it) => it.class)
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
        'a read-sensitive operation is only done within a tool call',
        'remove it here and name it in a tool',
      )
    }
  }
}

function checkTool(tool: ExpandedTool, path: Path, config: Expanded, report: Report): void {
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
  checkSensitive(tool, path, config, report)
  checkUses(tool, path, config, report)
  const name = String(path.at(-1))
  if (tool.pin !== undefined && (name === '*' || isMethodName(name)))
    report.fault(
      [...path, 'pin'],
      name === '*' ? 'one definition cannot be that of many tools' : 'a method has no definition',
      name === '*' ? 'give the tool an entry of its own' : 'remove it',
    )
  const key = tool.approve === undefined ? 'confirm' : 'approve'
  if (tool[key] !== undefined)
    report.warn(
      [...path, key],
      'this version cannot ask people, so it refuses the tool',
      'leave it as it is, or remove it',
    )
}

/** What is sensitive is for groups that the tool names, so without one nobody could do it. */
function checkSensitive(tool: ExpandedTool, path: Path, config: Expanded, report: Report): void {
  const named = tool.uses.filter((use) => partsOf(use).operation !== undefined)
  const sensitive =
    tool.class === 'read-sensitive' ||
    named.some((use) => classesOf(use, config).some((risk) => risk === 'read-sensitive'))
  const rules = (tool.allow ?? []).flatMap((rule) => matcherOf(rule) ?? [])
  if (!sensitive || rules.some((rule) => asksFor(rule, 'group'))) return
  report.fault(
    [...path, 'allow'],
    'what is read-sensitive is for groups that the tool names, and it names none',
    'write allow: ["group:…"] at the tool',
  )
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
