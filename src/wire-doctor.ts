/** What `sallyport doctor` looks with: sockets, the probes of rooms, and nothing that serves. */
import type { Config } from './config/index.ts'
import type { DoctorTools, ListenPlace, Loaded } from './console/index.ts'
import { createDial, loadUndici } from './egress/index.ts'
import { createProviderProbe } from './exchange/index.ts'
import { dialSlice } from './ground.ts'
import { compilePolicy } from './policy/index.ts'
import { lookIntoVault } from './storage/index.ts'
import { createLog } from './telemetry/index.ts'
import { clock, random } from './wire.ts'

/** Unlike what serves, it dials its own public URL too, and the MCP servers by the same way as everything. */
async function openDial(config: Config) {
  const slice = dialSlice(config)
  const known = new Set(slice.origins.map(({ url }) => new URL(url).origin))
  const servers = config.servers.flatMap(({ url }) => (url === undefined ? [] : [url]))
  const more = new Set([config.url, ...servers].map((url) => new URL(url).origin))
  const unknown = [...more].filter((origin) => !known.has(origin))
  const origins = [...slice.origins, ...unknown.map((url) => ({ url }))]
  const client = config.network.client === 'undici' ? { client: await loadUndici() } : {}
  return createDial({ ...slice, origins }, client)
}

/** Listens only where there is something to serve. */
function listensOf({ listen, servers, login }: Config): readonly ListenPlace[] {
  const fronts = servers.some((it) => (it.url ?? it.stdio) !== undefined)
  const people = login.client !== undefined || login.builtIn
  return Object.entries(listen)
    .filter(([face]) => (face !== 'gateway' || fronts) && (face !== 'public' || people))
    .map(([face, address]) => ({ face, ...address }))
}

export async function openDoctor(
  config: Config,
  here: Pick<DoctorTools, 'instance' | 'listenable' | 'writable'>,
): Promise<Loaded> {
  const dial = await openDial(config)
  const { tenant, servers, downstreams, version, vault, limits } = config
  const policy = compilePolicy({ tenant, servers, downstreams, version })
  // What fails is told as a finding.
  const log = createLog({ level: 'error', stream: { write: () => undefined } })
  const deps = { clock, random, fetch: dial.fetch, log }
  return {
    config: { ...config, listens: listensOf(config), messageBytes: limits.messageBytes },
    tools: {
      ...here,
      ...deps,
      reach: dial.reach,
      allowOrigin: dial.allowOrigin,
      transport: dial.transport,
      provider: createProviderProbe(deps),
      vault: vault === undefined ? undefined : (terms) => lookIntoVault({ ...vault, tenant }, deps, terms),
      operation: policy.match,
    },
    close: dial.close,
  }
}
