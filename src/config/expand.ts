import { resolve } from 'node:path'
import { expandCommonCaps, expandLoops } from './caps.ts'
import { expandDownstreams } from './expand-downstreams.ts'
import { expandServers } from './expand-servers.ts'
import { expandSignIn, modeOf } from './expand-sign-in.ts'
import type { Expanded, ExpandedListen, ExpandedLogin, ExpandedVault, Face } from './expanded.ts'
import { faces } from './expanded.ts'
import { type Expanding, type Form, present } from './expanding.ts'
import { loginDefaults } from './schema/login.ts'
import type { WrittenConfig } from './schema/root.ts'
import { inSeconds } from './texts.ts'

const ports: Readonly<Record<Face, number>> = {
  egress: 9180,
  gateway: 9181,
  public: 9182,
  admin: 9183,
  telemetry: 9185,
}

/** Write out every short form and default. What cannot be expanded is a fault in the report. */
export async function expand(written: WrittenConfig, context: Expanding): Promise<Expanded> {
  const { form, folder, report } = context
  const listen = Object.fromEntries(
    faces.map((face) => [face, expandListen(written.listen?.[face], face)]),
  ) as Expanded['listen']
  const url = expandUrl(written, listen, context)
  const environment = written.environment ?? (form === 'dev' ? 'dev' : 'production')
  const login = expandLogin(written, url, form)
  const { downstreams, catalogues } = await expandDownstreams(written, login, context)
  const servers = expandServers(written, {
    url,
    environment,
    login,
    catalogues,
    report,
    mayBeEmpty: form === 'dev' || context.run !== undefined,
  })
  return {
    url,
    tenant: written.tenant ?? (form === 'dev' ? 'dev' : 'default'),
    environment,
    ...(login === undefined ? {} : { login }),
    workloads: (written.workloads ?? []).map((it) => ({ ...present(it), insecure: it.insecure ?? false })),
    ...expandSignIn(written),
    servers,
    downstreams,
    caps: expandCommonCaps(written.caps),
    loops: expandLoops(written.loops),
    data: resolve(folder, written.data ?? './data'),
    ...(written.key === undefined ? {} : { key: written.key }),
    ...(written.vault === undefined ? {} : { vault: expandVault(written.vault, context) }),
    listen,
    record: expandRecord(written),
    session: expandSession(written),
    network: { allow: [], deny: [], client: 'http1', ...present(written.network ?? {}) },
    limits: expandTimeouts(written),
    log: { level: written.log?.level ?? 'info' },
  }
}

/** dev: where MCP clients come, or, where there is no gateway, where servers do. */
function expandUrl(
  written: WrittenConfig,
  listen: Expanded['listen'],
  { form, report, run }: Expanding,
): string {
  if (written.url !== undefined) return written.url.replace(/\/+$/, '')
  if (form === 'single')
    report.fault(['url'], 'this is missing', 'write the address at which sallyport is reached')
  const face = run !== undefined || fronts(written) ? 'gateway' : 'egress'
  const { address } = listen[face]
  return address.startsWith('unix:') ? `http://127.0.0.1:${ports[face]}` : `http://${address}`
}

/** Is there a server that the gateway reaches? */
function fronts({ server, servers }: WrittenConfig): boolean {
  return server !== undefined || Object.values(servers ?? {}).some(({ url }) => url !== undefined)
}

function expandListen(
  written: string | { address: string; insecure?: boolean | undefined } | undefined,
  face: Face,
): ExpandedListen {
  if (written === undefined) return { address: `127.0.0.1:${ports[face]}`, insecure: false }
  if (typeof written === 'string') return { address: written, insecure: false }
  return { address: written.address, insecure: written.insecure ?? false }
}

/** `dev` has a sign-in of its own at `{url}/dev`. */
function expandLogin({ login }: WrittenConfig, url: string, form: Form): ExpandedLogin | undefined {
  if (login === undefined && form === 'single') return undefined
  const written = login ?? { issuer: `${url}/dev` }
  const expanded = {
    ...written,
    insecure: login?.insecure ?? false,
    groups: login?.groups ?? loginDefaults.groups,
    algorithms: login?.algorithms ?? loginDefaults.algorithms,
    types: login?.types ?? loginDefaults.types,
    skew: inSeconds(login?.skew ?? loginDefaults.skew),
    ...(login?.scope === undefined ? {} : { scope: listOf(login.scope) }),
  } as Omit<ExpandedLogin, 'mode'>
  return { ...expanded, mode: login?.mode ?? modeOf(expanded, url, form) }
}

const listOf = (scope: string | readonly string[]): readonly string[] =>
  typeof scope === 'string' ? scope.split(' ') : scope

function expandVault(
  written: NonNullable<WrittenConfig['vault']>,
  { report, folder }: Expanding,
): ExpandedVault {
  const { address, namespace, ca, mounts, login, logins } = written
  if ((login === undefined) === (logins === undefined)) {
    report.fault(
      ['vault'],
      'exactly one of login and logins is needed',
      'give one login, or logins with runtime, connecting and keeper',
    )
  }
  const one = (name: 'runtime' | 'connecting' | 'keeper') => {
    const place = login === undefined ? ['vault', 'logins', name] : ['vault', 'login']
    const { token, approle } = login ?? logins?.[name] ?? {}
    if (
      (login ?? logins) !== undefined &&
      (token === undefined) === (approle === undefined) &&
      (login === undefined || name === 'runtime')
    ) {
      report.fault(
        place,
        'exactly one of token and approle is needed',
        'give token: file:… or approle: { role, secret: file:… }',
      )
    }
    return {
      ...(token === undefined ? {} : { token }),
      ...(approle === undefined ? {} : { approle: { ...approle, mount: approle.mount ?? 'approle' } }),
    }
  }
  return {
    address: [address].flat().map((url) => url.replace(/\/+$/, '')),
    insecure: written.insecure ?? false,
    ...(namespace === undefined ? {} : { namespace }),
    ...(ca === undefined ? {} : { ca: resolve(folder, ca) }),
    mounts: { kv: mounts?.kv ?? 'sp-kv', transit: mounts?.transit ?? 'sp-transit' },
    logins: { runtime: one('runtime'), connecting: one('connecting'), keeper: one('keeper') },
  }
}

function expandRecord({ record }: WrittenConfig): Expanded['record'] {
  const { reads, retention } = record ?? {}
  return { reads: reads ?? 'handed', ...(retention === undefined ? {} : { retention: inSeconds(retention) }) }
}

function expandSession({ session }: WrittenConfig): Expanded['session'] {
  const { lifetime, key_rotation: rotation, algorithm } = session ?? {}
  return {
    lifetime: inSeconds(lifetime ?? '300s'),
    key_rotation: inSeconds(rotation ?? '12h'),
    algorithm: algorithm ?? 'EdDSA',
  }
}

function expandTimeouts({ limits }: WrittenConfig): Expanded['limits'] {
  const { connect, headers, idle, tunnel, tunnels, call, message, requests, streams } = limits ?? {}
  return {
    connect: inSeconds(connect ?? '5s'),
    headers: inSeconds(headers ?? '60s'),
    idle: inSeconds(idle ?? '300s'),
    tunnel: inSeconds(tunnel ?? '1h'),
    tunnels: tunnels ?? 100,
    call: inSeconds(call ?? '300s'),
    message: message ?? 4_194_304,
    requests: requests ?? 100,
    arguments: limits?.arguments ?? 262_144,
    result: limits?.result ?? 16_777_216,
    streams: streams ?? 100,
    children: limits?.children ?? 32,
    child_idle: inSeconds(limits?.child_idle ?? '30m'),
  }
}
