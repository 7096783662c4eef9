import type { Path } from './document.ts'
import type { Form } from './expanding.ts'
import { type Expanded, type ExpandedDownstream, type Face, faces } from './expanded.ts'
import { signsPeopleIn } from './check-sign-in.ts'
import { isLocal, parseListen, reaches } from './listen.ts'
import type { Report } from './report.ts'
import { isLoopbackHost } from '../egress/index.ts'

/** Addresses: who may be spoken to in the clear, where we listen, and that no downstream is one of ourselves. */
export function checkNetwork(config: Expanded, form: Form, report: Report): void {
  checkPlainHttp(config, report)
  checkListeners(config, form, report)
  checkAnonymous(config, report)
  checkOwnFaces(config, form, report)
  checkTunnels(config, form, report)
}

function checkPlainHttp(config: Expanded, report: Report): void {
  for (const [path, url, insecure] of urlsOf(config)) {
    if (url === undefined || insecure || !url.toLowerCase().startsWith('http:')) continue
    if (isLoopbackHost(URL.parse(url)?.hostname ?? '')) continue
    const remedy = path[0] === 'url' ? 'write https://' : 'write https://, or insecure: true beside it'
    report.fault(path, 'plain http leads beyond this machine, where others can read it', remedy)
  }
}

function urlsOf(config: Expanded): (readonly [Path, string | undefined, boolean])[] {
  const { login } = config
  const own = (issuer: string | undefined) => (issuer === login?.issuer ? undefined : issuer)
  return [
    [['url'], config.url, false],
    [['login', 'issuer'], login?.issuer, login?.insecure ?? false],
    ...vaultUrls(config),
    ...config.workloads.map((it, index) => [['workloads', index, 'issuer'], it.issuer, it.insecure] as const),
    ...Object.entries(config.servers).map(
      ([name, it]) => [['servers', name, 'url'], it.url, it.insecure] as const,
    ),
    ...Object.entries(config.downstreams).flatMap(([name, it]) => [
      [['downstreams', name, 'url'], it.url, it.insecure] as const,
      ...(['exchange', 'client-credentials'] as const).map(
        (kind) =>
          [
            ['downstreams', name, kind, 'issuer'],
            own(it[kind]?.issuer),
            it[kind]?.insecure ?? false,
          ] as const,
      ),
      ...linkedUrls(name, it),
    ]),
  ]
}

function vaultUrls({ vault }: Expanded): (readonly [Path, string, boolean])[] {
  const { address = [], insecure = false } = vault ?? {}
  const [sole] = address
  if (sole !== undefined && address.length === 1) return [[['vault', 'address'], sole, insecure]]
  return address.map((url, index) => [['vault', 'address', index], url, insecure])
}

/** The gateway only listens where there is a server for it, and the pages where people can sign in. */
function listening(config: Expanded, form: Form): readonly Face[] {
  const fronts = Object.values(config.servers).some(({ url }) => url !== undefined)
  const absent = new Set<Face>()
  if (!fronts) absent.add('gateway')
  if (!signsPeopleIn(config, form)) absent.add('public')
  return faces.filter((face) => !absent.has(face))
}

function linkedUrls(name: string, it: ExpandedDownstream): (readonly [Path, string | undefined, boolean])[] {
  const at = ['downstreams', name]
  const { oauth, exchange } = it
  const origins = oauth?.origins.map(
    (url, index) => [[...at, 'oauth', 'origins', index], url, oauth.insecure] as const,
  )
  return [
    [[...at, 'issuer'], it.issuer, it.insecure],
    [[...at, 'oauth', 'issuer'], oauth?.issuer, oauth?.insecure ?? false],
    [[...at, 'exchange', 'at', 'issuer'], exchange?.at?.issuer, exchange?.at?.insecure ?? false],
    [[...at, 'github-app', 'issuer'], it['github-app']?.issuer, it.insecure],
    ...(origins ?? []),
  ]
}

function checkListeners(config: Expanded, form: Form, report: Report): void {
  const taken = new Map<string, string>()
  for (const face of listening(config, form)) {
    const written = config.listen[face]
    const path = ['listen', face]
    const parsed = parseListen(written)
    if (typeof parsed === 'string') {
      report.fault(path, parsed, 'write 127.0.0.1:9180, [::1]:9180 or unix:/path')
      continue
    }
    if (!isLocal(parsed) && form === 'dev') {
      report.fault(
        path,
        'dev listens on this machine only',
        'write a loopback address, or use the single form',
      )
    } else if (!isLocal(parsed) && !parsed.insecure) {
      report.fault(
        path,
        'this face would be reached from other machines without TLS',
        'write a loopback address, or { address, insecure: true } behind something that ends TLS',
      )
    }
    const other = taken.get(written.address)
    if (other !== undefined && parsed.port !== 0)
      report.fault(path, `${other} listens there already`, 'give each face its own port')
    taken.set(written.address, face)
  }
}

/** Whoever reaches the gateway is that user, so nobody but this machine may. */
function checkAnonymous(config: Expanded, report: Report): void {
  const gateway = parseListen(config.listen.gateway)
  for (const [name, { anonymous }] of Object.entries(config.servers)) {
    if (anonymous === undefined || (typeof gateway !== 'string' && isLocal(gateway))) continue
    report.fault(
      ['servers', name, 'anonymous'],
      'clients without a token are served only where the gateway listens on loopback',
      'remove it, or let listen.gateway be a loopback address',
    )
  }
}

/** What leads to ourselves or to the vault: says which of them. */
function ownFaces(config: Expanded, form: Form): (place: Place | undefined) => string | undefined {
  const own = placeOf(config.url)
  const vaults = (config.vault?.address ?? []).map(placeOf).filter((it) => it !== undefined)
  const listeners = listening(config, form)
    .map((face) => parseListen(config.listen[face]))
    .filter((it) => typeof it !== 'string')
  return (place) => {
    if (place === undefined) return undefined
    const { host, port } = place
    const ours = own?.host === host && own.port === port
    if (ours || listeners.some((it) => reaches(it, host, port))) return 'this is one of our own faces'
    if (vaults.some((vault) => reaches({ ...vault, insecure: false }, host, port)))
      return 'this is the address of the vault'
    return undefined
  }
}

interface Place {
  readonly host: string
  readonly port: number
}

/** Host, without brackets, and port of a URL; the port of its scheme where it has none. */
function placeOf(text: string | undefined): Place | undefined {
  const url = URL.parse(text ?? '')
  if (url === null) return undefined
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  return { host: url.hostname.replaceAll(/[[\]]/g, ''), port }
}

/** A downstream at one of our own faces, or at the vault, would let a server speak with our credentials to ourselves. */
function checkOwnFaces(config: Expanded, form: Form, report: Report): void {
  const why = ownFaces(config, form)
  for (const [name, { url }] of Object.entries(config.downstreams)) {
    const problem = why(placeOf(url))
    if (problem === undefined) continue
    report.fault(['downstreams', name, 'url'], problem, 'name the address of the downstream itself')
  }
}

/** A tunnel to a downstream would look as though a credential went with it; one to ourselves goes round the faces. */
function checkTunnels(config: Expanded, form: Form, report: Report): void {
  const why = ownFaces(config, form)
  const downstreams = Object.entries(config.downstreams).map(([name, { url }]) => ({ name, ...placeOf(url) }))
  for (const [server, { connect }] of Object.entries(config.servers)) {
    for (const [index, written] of connect.entries()) {
      const path = ['servers', server, 'connect', index]
      const place = placeOf(`https://${written}`)
      const problem = why(place)
      const downstream = downstreams.find((it) => it.host === place?.host && it.port === place?.port)
      if (problem !== undefined) report.fault(path, problem, 'leave it out')
      else if (downstream !== undefined)
        report.fault(
          path,
          `this is the downstream ${downstream.name}, and no credential goes into a tunnel`,
          'leave it out: it is asked for as http://host/path through the proxy',
        )
      else if (connect.indexOf(written) !== index)
        report.fault(path, 'this stands there twice', 'leave it out')
    }
  }
}
