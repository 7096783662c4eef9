import { SallyportError, type VaultFault } from '../../model/index.ts'
import { tryGrant } from './canary.ts'
import type { Role } from './backend.ts'
import { pick } from './json.ts'
import { indexKeyName, kekName, outboxKeyName, slug, type VaultGroup } from './names.ts'
import { connectVault, openVaultSecrets } from './vault.ts'
import type { VaultApi } from './vault-api.ts'
import { healthRequest, isMount } from './vault-check.ts'
import type { VaultClient } from './vault-client.ts'
import type { Login } from './vault-login.ts'
import type { VaultDeps, VaultOptions } from './vault-options.ts'
import { lookAtRights } from './vault-rights.ts'
import { VaultFailure } from './vault-transport.ts'

const roles: readonly Role[] = ['runtime', 'connecting', 'keeper']

async function lookAtServer(client: VaultClient): Promise<readonly VaultFault[]> {
  try {
    const { body } = await client.call(healthRequest)
    const initialized = pick(body, 'initialized')
    if (initialized === undefined) return [{ kind: 'foreign' }]
    if (initialized === false) return [{ kind: 'new' }]
    return pick(body, 'sealed') === false ? [] : [{ kind: 'sealed' }]
  } catch (error) {
    if (!(error instanceof VaultFailure)) throw error
    if (error.kind === 'redirect') return [{ kind: 'redirects' }]
    return [{ kind: error.kind === 'foreign' ? 'foreign' : 'away' }]
  }
}

/** Every login once: AppRole by logging in, a token by asking for itself, as its renewal does. */
async function lookAtLogins(
  options: VaultOptions['logins'],
  logins: Readonly<Record<Role, Login>>,
  apis: Readonly<Record<Role, VaultApi>>,
): Promise<readonly VaultFault[]> {
  const faults: VaultFault[] = []
  const given = (role: Role) =>
    options[role].kind === 'approle'
      ? logins[role].token()
      : apis[role].request({ method: 'GET', path: '/auth/token/lookup-self' })
  for (const role of roles) {
    try {
      await given(role)
    } catch (error) {
      if (!(error instanceof SallyportError) || error.code !== 'secrets_denied') throw error
      faults.push({ kind: 'login', role })
    }
  }
  return faults
}

async function lookAtMounts(
  apis: Readonly<Record<Role, VaultApi>>,
  mounts: VaultOptions['mounts'],
): Promise<readonly VaultFault[]> {
  const faults: VaultFault[] = []
  for (const name of ['kv', 'transit'] as const) {
    const mount = mounts[name]
    if (!(await isMount(apis.runtime, name, mount).catch(() => false)))
      faults.push({ kind: 'mount', name, mount })
  }
  return faults
}

async function lookAtKeys(
  apis: Readonly<Record<Role, VaultApi>>,
  transit: string,
  groups: readonly VaultGroup[],
): Promise<readonly VaultFault[]> {
  const names = groups.flatMap((at) => [kekName(at), indexKeyName(at), outboxKeyName(at.tenant)])
  const faults: VaultFault[] = []
  for (const key of new Set(names)) {
    const { status } = await apis.runtime.request({ method: 'GET', path: `/${transit}/keys/${key}` })
    if (status !== 200) faults.push({ kind: 'key', key })
  }
  return faults
}

/**
 * Everything that requests will need of the vault, in the order in which it can be wrong: server, logins, mounts,
 * rights, keys, and with `write` a grant for a trial in each group. What comes after a fault is not looked at.
 * @throws whatever is not the vault's own doing, such as address_refused
 */
export async function lookIntoVault(
  options: VaultOptions & { readonly tenant: string; readonly groups: readonly string[] },
  deps: VaultDeps,
  { write }: { readonly write: boolean },
): Promise<readonly VaultFault[]> {
  const tenant = slug(options.tenant, 'tenant')
  const groups = options.groups.map((group) => ({ tenant, group: slug(group, 'group') }))
  const { client, logins, apis, close } = connectVault(options, deps)
  const single = new Set(Object.values(options.logins)).size === 1
  const stops = (fault: VaultFault): boolean => fault.kind !== 'rights-unknown'
  try {
    const found: VaultFault[] = []
    const looks = [
      () => lookAtServer(client),
      () => lookAtLogins(options.logins, logins, apis),
      () => lookAtMounts(apis, options.mounts),
      async () => {
        const faults = await lookAtRights(apis, options.mounts, groups)
        return single ? faults.filter((it) => it.kind !== 'right' || it.missing) : faults
      },
      () => lookAtKeys(apis, options.mounts.transit, groups),
    ]
    for (const look of looks) {
      found.push(...(await look()))
      if (found.some(stops)) return found
    }
    if (single) found.push({ kind: 'one-login' })
    return write ? [...found, ...(await tryGrants(options, deps))] : found
  } finally {
    await close()
  }
}

async function tryGrants(
  options: Parameters<typeof openVaultSecrets>[0],
  deps: VaultDeps,
): Promise<readonly VaultFault[]> {
  const secrets = await openVaultSecrets(options, deps)
  try {
    const faults: VaultFault[] = []
    for (const group of options.groups) {
      const fault = await tryGrant(secrets, { tenant: options.tenant, group }, deps)
      if (fault !== undefined) faults.push({ kind: 'canary', group, ...fault })
    }
    return faults
  } finally {
    await secrets.close()
  }
}
