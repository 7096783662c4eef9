import { SallyportError } from '../../model/index.ts'
import { appRoleLogin } from './approle-login.ts'
import type { Backend, Role } from './backend.ts'
import { grantsOver } from './grants.ts'
import { slug, type VaultGroup } from './names.ts'
import type { Secrets } from './secrets.ts'
import { tokenLogin } from './token-login.ts'
import { createVaultApi, type Outage, type VaultApi } from './vault-api.ts'
import { kvStore, transitKeys } from './vault-backend.ts'
import { checkVault, vaultHealth } from './vault-check.ts'
import { createVaultClient, type VaultClient } from './vault-client.ts'
import type { Login } from './vault-login.ts'
import { clusterClient } from './vault-nodes.ts'
import type { VaultDeps, VaultLoginOptions, VaultOptions } from './vault-options.ts'

const mountPattern = /^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/

function checkAddress(address: string): void {
  const url = URL.parse(address)
  const plain =
    url !== null && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  if (plain && (url.protocol === 'https:' || url.protocol === 'http:')) return
  throw new SallyportError('config_invalid', {
    field: 'vault.address',
    remedy: 'an http or https URL of host and port, without a path or credentials',
  })
}

function checkName(field: string, name: string): void {
  if (mountPattern.test(name)) return
  throw new SallyportError('config_invalid', {
    field,
    remedy: 'a mount is named by letters, digits, -, _ and /',
  })
}

/** One login per distinct set of options: a login given once for all three keeps one token. */
function logIns(options: VaultOptions, client: VaultClient, deps: VaultDeps): Record<Role, Login> {
  const known = new Map<VaultLoginOptions, Login>()
  const of = (role: Role): Login => {
    const given = options.logins[role]
    if (given.kind === 'approle') checkName('vault.login.mount', given.mount)
    const make = given.kind === 'approle' ? appRoleLogin : tokenLogin
    const login = known.get(given) ?? make({ ...deps, role, options: given, client })
    known.set(given, login)
    return login
  }
  return { runtime: of('runtime'), connecting: of('connecting'), keeper: of('keeper') }
}

function clientOf({ addresses, namespace }: VaultOptions, deps: VaultDeps): VaultClient {
  const named = namespace === undefined ? {} : { namespace }
  const nodes = addresses.map((address) => createVaultClient({ address, fetch: deps.fetch, ...named }))
  const [sole, ...others] = nodes
  return sole !== undefined && others.length === 0 ? sole : clusterClient(nodes, deps)
}

/** The three logins of a vault, each with its way of asking. Makes no request by itself. @throws config_invalid */
export function connectVault(options: VaultOptions, deps: VaultDeps) {
  for (const address of options.addresses) checkAddress(address)
  checkName('vault.mounts.kv', options.mounts.kv)
  checkName('vault.mounts.transit', options.mounts.transit)
  const client = clientOf(options, deps)
  const logins = logIns(options, client, deps)
  const outage: Outage = { on: false }
  const api = (role: Role): VaultApi => createVaultApi({ ...deps, role, client, login: logins[role], outage })
  const apis = { runtime: api('runtime'), connecting: api('connecting'), keeper: api('keeper') }
  const close = async () => {
    await Promise.all([...new Set(Object.values(logins))].map((login) => login.close()))
  }
  return { client, logins, apis, close }
}

/** KV version 2 and transit of a Vault or OpenBao as a place for secrets. */
function vaultBackend(options: VaultOptions, groups: readonly VaultGroup[], deps: VaultDeps): Backend {
  const { client, apis, close } = connectVault(options, deps)
  return {
    ...kvStore(apis, options.mounts),
    ...transitKeys(apis, options.mounts),
    check: () => checkVault({ client, apis, mounts: options.mounts, groups }),
    health: () => vaultHealth(client),
    close,
  }
}

/**
 * Grants in Vault or OpenBao. Whatever is wrong with the configuration (mount, login, key) throws here, with `field`
 * and `remedy`. A vault that is down or sealed does not: what needs it then answers secrets_unavailable or
 * secrets_sealed until it is back, and `check()` says so. `groups` are those looked at by `check()`; others work too
 * where the vault lets the logins. @throws config_invalid, secrets_denied
 */
export async function openVaultSecrets(
  options: VaultOptions & { readonly tenant: string; readonly groups: readonly string[] },
  deps: VaultDeps,
): Promise<Secrets> {
  const groups = options.groups.map((group) => ({
    tenant: slug(options.tenant, 'tenant'),
    group: slug(group, 'group'),
  }))
  const backend = vaultBackend(options, groups, deps)
  const secrets = grantsOver(backend, deps)
  try {
    await secrets.check()
  } catch (error) {
    const waits =
      error instanceof SallyportError &&
      (error.code === 'secrets_unavailable' || error.code === 'secrets_sealed')
    if (!waits) {
      await secrets.close()
      throw error
    }
    deps.log.warn('vault.not_ready', { code: error.code, remedy: error.facts.remedy }, error)
  }
  return secrets
}
