import type { Expanding } from './expanding.ts'
import type { Expanded, ExpandedMcpClient } from './expanded.ts'
import { isBuiltIn } from './expand-sign-in.ts'
import type { Path } from './document.ts'
import type { Report } from './report.ts'

/** Can a person be sent on to sign in, and so come to our own pages? */
export function signsPeopleIn({ login, url }: Expanded, form: Expanding['form']): boolean {
  return login !== undefined && (login.client !== undefined || isBuiltIn(login, url, form))
}

/** Sign-in and the MCP clients. What would never do anything is a fault: whoever wrote it believes that it does. */
export function checkSignIn(config: Expanded, { form, report }: Expanding): void {
  checkMode(config, form, report)
  checkNames(config, report)
  const ids = new Map<string, string>()
  for (const [name, client] of Object.entries(config.clients)) {
    checkMcpClient(client, ['clients', name], report)
    checkServersOf(client, ['clients', name], config, report)
    for (const id of [client.id, client.cimd]) {
      if (id === undefined) continue
      const other = ids.get(id)
      if (other !== undefined)
        report.fault(['clients', name], `${other} has the same client_id`, 'give each client its own')
      ids.set(id, name)
    }
  }
  const { access, idle, absolute } = config.sign_in
  if (access > absolute || idle > absolute)
    report.fault(
      ['sign_in', 'absolute'],
      'this is shorter than access or idle',
      'let absolute be the longest of the three',
    )
}

function checkMode({ login, url }: Expanded, form: Expanding['form'], report: Report): void {
  if (login?.mode !== 'broker' || isBuiltIn(login, url, form)) return
  if (login.client?.secret !== undefined || login.client?.key !== undefined) return
  report.fault(
    ['login', 'mode'],
    'nobody can be sent on to the IdP without a client there that has a secret or key',
    'give login.client: { id, secret: file:… }, or mode: direct',
  )
}

/** Where there are several servers, each stands at `/{name}/mcp` beside our own pages. */
const ownPaths = ['accounts', 'assets', 'connect', 'login', 'oauth2']

function checkNames({ servers }: Expanded, report: Report): void {
  const names = Object.keys(servers)
  if (names.length < 2) return
  for (const name of names)
    if (ownPaths.includes(name))
      report.fault(['servers', name], 'this is the path of a page of our own', 'give the server another name')
}

function checkMcpClient(client: ExpandedMcpClient, path: Path, report: Report): void {
  const { id, cimd, redirects } = client
  if (cimd !== undefined && !isDocumentUrl(cimd))
    report.fault([...path, 'cimd'], 'this is no https URL with a path', 'write it as the client_id has it')
  if (id !== undefined) {
    checkRegistered(client, path, report)
    return
  }
  if (cimd === undefined && redirects.length === 0)
    report.fault(path, 'nothing tells which client this is', 'give id, cimd or redirects')
  for (const key of ['secret', 'jwks'] as const)
    if (client[key] !== undefined)
      report.fault([...path, key], 'only a client that is registered here has one', 'give id beside it')
}

function checkRegistered(client: ExpandedMcpClient, path: Path, report: Report): void {
  const { cimd, redirects, secret, jwks, grants } = client
  if (cimd !== undefined)
    report.fault(
      [...path, 'cimd'],
      'id stands beside it',
      'give id for a client that is registered here, or cimd',
    )
  if (secret !== undefined && jwks !== undefined)
    report.fault([...path, 'jwks'], 'secret stands beside it', 'give secret or jwks, not both')
  if (grants.includes('authorization_code') && redirects.length === 0)
    report.fault(path, 'there is nowhere to send a person back to', 'give redirects, or other grants')
  const alone = grants.some((grant) => grant !== 'authorization_code' && grant !== 'refresh_token')
  if (alone && secret === undefined && jwks === undefined)
    report.fault(
      [...path, 'grants'],
      'a client that nobody can tell from another may use authorization_code and refresh_token only',
      'give secret: file:… or jwks: file:…',
    )
}

function isDocumentUrl(text: string): boolean {
  return text.startsWith('https://') && new URL(text).pathname !== '/'
}

function checkServersOf({ servers }: ExpandedMcpClient, path: Path, config: Expanded, report: Report): void {
  for (const [index, name] of (servers ?? []).entries())
    if (config.servers[name] === undefined)
      report.fault(
        [...path, 'servers', index],
        'there is no such server',
        'name one that stands under servers',
      )
}
