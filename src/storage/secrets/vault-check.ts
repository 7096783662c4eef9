import { SallyportError } from '../../model/index.ts'
import type { Role } from './backend.ts'
import type { JsonObject } from './json.ts'
import { pick } from './json.ts'
import { indexKeyName, kekName, outboxKeyName, type VaultGroup } from './names.ts'
import type { VaultApi } from './vault-api.ts'
import type { VaultClient } from './vault-client.ts'
import { missing, sealed, unavailable } from './vault-errors.ts'
import type { VaultOptions } from './vault-options.ts'
import { VaultFailure } from './vault-transport.ts'

/** Asked of any node, standbys included, with a 200 where it is neither sealed nor new. */
export const healthRequest = { method: 'GET', path: '/sys/health?standbyok=true&perfstandbyok=true' } as const

export async function vaultHealth(client: VaultClient): Promise<'up' | 'sealed' | 'down'> {
  try {
    const { body } = await client.call(healthRequest)
    if (pick(body, 'initialized') !== true) return 'down'
    return pick(body, 'sealed') === false ? 'up' : 'sealed'
  } catch {
    return 'down'
  }
}

/** @throws secrets_unavailable where no Vault answers or it was never initialised, secrets_sealed */
async function checkServer(client: VaultClient): Promise<void> {
  const answer = await client.call(healthRequest).catch((error: unknown) => {
    throw error instanceof VaultFailure ? unavailable(error) : error
  })
  const initialized = pick(answer.body, 'initialized')
  if (initialized === undefined) throw unavailable(new VaultFailure('foreign', `STATUS_${answer.status}`))
  if (initialized === false) {
    throw new SallyportError('secrets_unavailable', {
      field: 'vault.address',
      remedy: 'initialise and unseal the vault, then run deploy/openbao/setup.mjs',
    })
  }
  if (pick(answer.body, 'sealed') !== false) throw sealed()
}

/** Whether there is a KV version 2 or transit of that name. @throws as the question fails */
export async function isMount(api: VaultApi, kind: 'kv' | 'transit', mount: string): Promise<boolean> {
  const { status, body } = await api.request({ method: 'GET', path: `/sys/internal/ui/mounts/${mount}` })
  if (status !== 200 || pick(body, 'data', 'type') !== kind) return false
  return kind === 'transit' || pick(body, 'data', 'options', 'version') === '2'
}

/** The answer to a path without a mount and to one without any right on it is the same 403. */
async function checkMount(api: VaultApi, field: 'kv' | 'transit', mount: string): Promise<void> {
  const wrong = (): SallyportError =>
    missing(
      `vault.mounts.${field}`,
      field === 'kv'
        ? 'there is no KV version 2 mount of this name, or the login has no right on it'
        : 'there is no transit mount of this name, or the login has no right on it',
    )
  const there = await isMount(api, field, mount).catch((error: unknown) => {
    throw error instanceof SallyportError && error.code === 'secrets_denied' && error.cause === undefined
      ? wrong()
      : error
  })
  if (!there) throw wrong()
}

/** Make the key where it is missing and the login may; usually only setup.mjs may. */
async function checkKey(apis: Apis, transit: string, name: string, spec: JsonObject): Promise<void> {
  const path = `/${transit}/keys/${name}`
  const found = await apis.runtime.request({ method: 'GET', path })
  if (found.status === 200) return
  const made = await apis.connecting.request({ method: 'POST', path, body: spec }).catch((error: unknown) => {
    if (error instanceof SallyportError && error.code === 'secrets_denied') return undefined
    throw error
  })
  if (made?.status !== 200) throw missing('vault.mounts.transit', `the transit key ${name} is missing`)
}

type Apis = Readonly<Record<Role, VaultApi>>

/**
 * Look at everything that requests will need, in the order in which it can be wrong: address, seal, logins and mounts,
 * keys. @throws config_invalid or secrets_* with the field and what to do
 */
export async function checkVault(input: {
  readonly client: VaultClient
  readonly apis: Apis
  readonly mounts: VaultOptions['mounts']
  readonly groups: readonly VaultGroup[]
}): Promise<void> {
  const { client, apis, mounts, groups } = input
  await checkServer(client)
  await allAtOnce([
    ...(['runtime', 'connecting', 'keeper'] as const).map((role) => checkMount(apis[role], 'kv', mounts.kv)),
    checkMount(apis.runtime, 'transit', mounts.transit),
  ])
  const kek = { type: 'aes256-gcm96' }
  const keyOf = (name: string, spec: JsonObject) => checkKey(apis, mounts.transit, name, spec)
  await allAtOnce([
    ...groups.flatMap((at) => [
      keyOf(kekName(at), kek),
      keyOf(indexKeyName(at), { type: 'hmac', key_size: 32 }),
    ]),
    ...[...new Set(groups.map((at) => at.tenant))].map((tenant) => keyOf(outboxKeyName(tenant), kek)),
  ])
}

/** A start waits for these. @throws what the first of them that failed has thrown, in their order, when all have ended */
async function allAtOnce(checks: readonly Promise<void>[]): Promise<void> {
  for (const each of await Promise.allSettled(checks)) if (each.status === 'rejected') throw each.reason
}
