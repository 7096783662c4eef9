import { loginGroup } from '../exchange/index.ts'
import { Secret, seconds } from '../model/index.ts'
import { resolveCaps } from './caps.ts'
import type { Config, ListenAddress, LoginSlice, VaultLogin, VaultSlice } from './config.ts'
import { policyDigest } from './digest.ts'
import type { Path } from './document.ts'
import type {
  Expanded,
  ExpandedListen,
  ExpandedLogin,
  ExpandedVault,
  ExpandedVaultLogin,
} from './expanded.ts'
import type { Resolving } from './expanding.ts'
import { parseListen } from './listen.ts'
import { filePath, whyUnreadable } from './references.ts'
import { resolveClient, resolveDownstream } from './resolve-downstreams.ts'
import { resolveServer } from './resolve-servers.ts'
import { resolveSignIn } from './resolve-sign-in.ts'
import { isBuiltIn } from './expand-sign-in.ts'

const leastKeyBytes = 32

/** Read every reference. What cannot be read is a fault in the report, and the value is not to be used. */
export async function resolveConfig(config: Expanded, context: Resolving): Promise<Config> {
  const { form, report, read } = context
  const digest = policyDigest(config)
  const { servers, downstreams, vault, record, session, limits } = config
  return freeze({
    form,
    url: config.url,
    tenant: config.tenant,
    environment: config.environment,
    login: await resolveLogin(config.login, config, context),
    workloads: config.workloads.map(({ issuer, audience, subjects, workflow }) => ({
      issuer,
      audience,
      subjects,
      ...(workflow === undefined ? {} : { workflowClaim: workflow }),
    })),
    ...(await resolveSignIn(config, context)),
    servers: await each(servers, (name, it) => resolveServer(name, it, { ...context, config })),
    downstreams: await each(downstreams, (name, it) => resolveDownstream(name, it, read)),
    budgets: resolveCaps(config),
    data: config.data,
    key: await resolveKey(config, context),
    throwawayKey: config.key === undefined,
    ...(vault === undefined ? {} : { vault: await resolveVault(vault, config, context) }),
    listen: {
      egress: resolveListen(config.listen.egress),
      gateway: resolveListen(config.listen.gateway),
      public: resolveListen(config.listen.public),
      admin: resolveListen(config.listen.admin),
      telemetry: resolveListen(config.listen.telemetry),
    },
    record: {
      reads: record.reads,
      ...(record.retention === undefined ? {} : { retention: seconds(record.retention) }),
    },
    session: {
      lifetime: seconds(session.lifetime),
      keyRotation: seconds(session.key_rotation),
      algorithm: session.algorithm,
    },
    network: config.network,
    limits: resolveLimits(limits),
    log: config.log,
    version: digest.slice(0, 16),
    digest,
    warnings: report.warnings,
  })
}

function resolveLimits(limits: Expanded['limits']): Config['limits'] {
  return {
    connectTimeout: seconds(limits.connect),
    headersTimeout: seconds(limits.headers),
    idleTimeout: seconds(limits.idle),
    tunnelLife: seconds(limits.tunnel),
    tunnels: limits.tunnels,
    call: seconds(limits.call),
    messageBytes: limits.message,
    requests: limits.requests,
    streams: limits.streams,
    argumentBytes: limits.arguments,
    resultBytes: limits.result,
    children: limits.children,
    childIdle: seconds(limits.child_idle),
  }
}

async function each<T, R>(
  things: Readonly<Record<string, T>>,
  work: (name: string, thing: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  for (const [name, thing] of Object.entries(things)) results.push(await work(name, thing))
  return results
}

async function resolveLogin(
  login: ExpandedLogin | undefined,
  config: Expanded,
  { form, read }: Resolving,
): Promise<LoginSlice> {
  const { issuer = '', client, groups = '', tenant, algorithms = [], types = [], skew = 0 } = login ?? {}
  return {
    issuer,
    builtIn: isBuiltIn({ issuer }, config.url, form),
    mode: login?.mode ?? 'direct',
    ...(login?.scope === undefined ? {} : { scope: login.scope }),
    ...(client === undefined ? {} : { client: await resolveClient(client, ['login', 'client'], read) }),
    groupsClaim: groups,
    ...(tenant === undefined ? {} : { tenantClaim: { name: tenant.claim, value: tenant.value } }),
    ...(login?.workflow === undefined ? {} : { workflowClaim: login.workflow }),
    algorithms,
    types,
    skew: seconds(skew),
  }
}

function resolveListen(written: ExpandedListen): ListenAddress {
  const parsed = parseListen(written)
  return typeof parsed === 'string' ? { host: '127.0.0.1', port: 0, insecure: false } : parsed
}

async function resolveKey({ key }: Expanded, { read, random }: Resolving): Promise<Config['key']> {
  if (key === undefined) return new Secret(random(leastKeyBytes), 'throwaway key')
  if (typeof key !== 'string') return read.text(key.passphrase, ['key', 'passphrase'], 'passphrase')
  return read.bytes(key, ['key'], leastKeyBytes)
}

async function resolveVault(
  written: ExpandedVault,
  config: Expanded,
  context: Resolving,
): Promise<VaultSlice> {
  const { logins, namespace, mounts, address } = written
  const runtime = await resolveVaultLogin(logins.runtime, 'runtime', context)
  // One object for several roles tells the store that one token serves them.
  const same =
    JSON.stringify(logins.runtime) === JSON.stringify(logins.connecting) &&
    JSON.stringify(logins.runtime) === JSON.stringify(logins.keeper)
  const ca = written.ca === undefined ? undefined : await readCa(written.ca, context)
  return {
    addresses: address,
    ...(namespace === undefined ? {} : { namespace }),
    ...(ca === undefined ? {} : { ca }),
    mounts,
    groups: vaultGroups(config, context),
    logins: {
      runtime,
      connecting: same ? runtime : await resolveVaultLogin(logins.connecting, 'connecting', context),
      keeper: same ? runtime : await resolveVaultLogin(logins.keeper, 'keeper', context),
    },
  }
}

function vaultGroups({ servers, login, url }: Expanded, { form }: Resolving): readonly string[] {
  const own = Object.values(servers).map((server) => server.vault_group)
  const keepsLogins = login?.mode === 'broker' && !isBuiltIn(login, url, form)
  return [...new Set(keepsLogins ? [...own, loginGroup] : own)]
}

async function resolveVaultLogin(
  written: ExpandedVaultLogin,
  role: string,
  { report, read }: Resolving,
): Promise<VaultLogin> {
  const long = (report.document.value as { vault?: { logins?: unknown } }).vault?.logins !== undefined
  const path: Path = long ? ['vault', 'logins', role] : ['vault', 'login']
  const { approle, token } = written
  if (approle !== undefined) {
    const secret = await read.text(approle.secret, [...path, 'approle', 'secret'], 'secret id')
    return { kind: 'approle', role: approle.role, secret, mount: approle.mount }
  }
  if (token === undefined) return { kind: 'token', mount: '' }
  return { kind: 'token', token: await read.text(token, [...path, 'token'], 'vault token'), mount: '' }
}

async function readCa(
  reference: string,
  { report, sources, folder }: Resolving,
): Promise<string | undefined> {
  const file = filePath(reference, folder)
  const place = report.shown(['vault', 'ca'], file)
  try {
    const text = new TextDecoder().decode((await sources.readFile(file)).bytes)
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text
    report.fault(['vault', 'ca'], `${place} holds no certificate in PEM`, 'name a CA bundle in PEM')
  } catch (error) {
    report.fault(['vault', 'ca'], ...whyUnreadable(error, place))
  }
  return undefined
}

/** Frozen to the depth, except for secrets, which hold no member that could be changed. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Secret || Object.isFrozen(value))
    return value
  for (const inner of Object.values(value)) freeze(inner)
  return Object.freeze(value)
}
