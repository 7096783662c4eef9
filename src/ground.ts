/** What lies below every room that decides: folder, lock, keys, state, sockets, secrets, record. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { type Audit, openAudit } from './audit/index.ts'
import type { Config, VaultSlice } from './config/index.ts'
import { createDial, type Dial, loadUndici, type Lookup } from './egress/index.ts'
import { originsOf } from './exchange/index.ts'
import type { Clock, Secret } from './model/index.ts'
import {
  type InstanceLock,
  type Keyring,
  lockInstance,
  openFileSecrets,
  openKeyring,
  openSqliteState,
  openVaultSecrets,
  type Secrets,
  type State,
  witnessed,
} from './storage/index.ts'
import type { Log } from './telemetry/index.ts'

export interface Ground {
  readonly lock: InstanceLock
  readonly keyring: Keyring
  readonly state: State
  readonly dial: Dial
  /** The way to the MCP servers, whose streams may be silent for as long as they like. */
  readonly serverDial: Dial
  readonly secrets: Secrets
  readonly audit: Audit
  close(): Promise<void>
}

/** The machine, as it is handed to the rooms. */
export interface Machine {
  readonly clock: Clock
  readonly nowMs: () => number
  readonly random: (bytes: number) => Buffer
  /** Name resolution; the system's where it is left out. */
  readonly lookup?: Lookup
}

/** @throws SallyportError naming the field and the remedy; what was opened is closed again */
export async function openGround(config: Config, log: Log, machine: Machine): Promise<Ground> {
  const lock = lockInstance(config.data)
  const closers: (() => unknown)[] = [lock.release]
  const closing = async () => {
    for (const close of closers.toReversed()) await close()
  }
  try {
    const keyring = openKeyring(config.data, config.key)
    const opened = openSqliteState(join(config.data, 'state.db'), { newEpoch: randomUUID })
    closers.push(opened.close)
    const lagging = (error: unknown) => log.error('log_witness_not_written', {}, error)
    const state: State = { ...opened, log: witnessed(opened.log, witnessPath(config), lagging) }
    const client = config.network.client === 'undici' ? { client: await loadUndici() } : {}
    const dial = createDial(dialSlice(config), { ...machine, ...client })
    closers.push(dial.close)
    const serverDial = createDial(serverSlice(config), { ...machine, ...client })
    closers.push(serverDial.close)
    const secrets = await openSecrets(config, keyring.derive('files'), { ...machine, dial, log })
    closers.push(secrets.close)
    const audit = await openRecord(config, { ...machine, keyring, state, log })
    closers.push(audit.close)
    return { lock, keyring, state, dial, serverDial, secrets, audit, close: closing }
  } catch (error) {
    await closing()
    throw error
  }
}

export const witnessPath = (config: Config): string => join(config.data, 'log.witness.json')

function openRecord(
  config: Config,
  deps: Machine & { readonly keyring: Keyring; readonly state: State; readonly log: Log },
): Promise<Audit> {
  const { signer } = deps.keyring
  return openAudit(
    { directory: join(config.data, 'records'), ...config.record },
    {
      ...deps,
      sign: signer.sign,
      publicKey: signer.publicJwk,
      fingerprintKey: deps.keyring.derive('fingerprints'),
      anchors: deps.state.anchors,
    },
  )
}

async function openSecrets(
  config: Config,
  key: Secret<Uint8Array>,
  deps: Machine & { readonly dial: Dial; readonly log: Log },
): Promise<Secrets> {
  const { vault, tenant } = config
  if (vault === undefined) return openFileSecrets({ dir: join(config.data, 'secrets'), key }, deps)
  return openVaultSecrets({ ...vault, tenant }, { ...deps, fetch: deps.dial.fetch })
}

/** A call has a limit of its own, and a stream none. */
function serverSlice(config: Config) {
  const urls = config.servers.flatMap(({ url }) => (url === undefined ? [] : [new URL(url).origin]))
  return {
    ...dialSlice(config),
    origins: [...new Set(urls)].map((url) => ({ url })),
    tunnels: [],
    headersTimeoutMs: config.limits.call * 1000,
    idleTimeoutMs: 0,
  }
}

/** Only what is configured may be dialled. */
export function dialSlice(config: Config) {
  const issuers = config.downstreams.flatMap(({ credential }) => originsOf(credential))
  const logins = [config.login.issuer, ...config.workloads.map(({ issuer }) => issuer)]
  const urls = new Set([...config.downstreams.map(({ origin }) => origin), ...issuers, ...logins])
  return {
    origins: [...[...urls].map((url) => ({ url })), ...vaultOrigins(config.vault)],
    tunnels: config.servers.flatMap(({ connect }) => connect ?? []),
    network: config.network,
    connectTimeoutMs: config.limits.connectTimeout * 1000,
    headersTimeoutMs: config.limits.headersTimeout * 1000,
    idleTimeoutMs: config.limits.idleTimeout * 1000,
  }
}

function vaultOrigins(vault: VaultSlice | undefined) {
  if (vault === undefined) return []
  const { addresses, ca } = vault
  return addresses.map((url) => ({ url, ...(ca === undefined ? {} : { ca }) }))
}
