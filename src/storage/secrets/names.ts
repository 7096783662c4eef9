import { createHash, createHmac } from 'node:crypto'
import { base32, type GrantPlace, joinKey, type Principal, SallyportError } from '../../model/index.ts'

/** The servers that may share connections, within one tenant: one key-encryption key and one index key each. */
export interface VaultGroup {
  readonly tenant: string
  readonly group: string
}

const slugPattern = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/**
 * A tenant or group name as it may stand in a path, a policy and a key's name. Anything
 * else could leave its place in the path. @throws config_invalid
 */
export function slug(value: string, field: 'tenant' | 'group'): string {
  if (slugPattern.test(value)) return value
  throw new SallyportError('config_invalid', {
    field,
    remedy:
      'a tenant or vault group is 1 to 63 of a-z, 0-9, - and _, begins with a letter or digit, ends not with -',
  })
}

/** 160 bits as 32 characters of `[a-z2-7]`: collisions are out of reach, and nothing can be read from it. */
const keyed = (indexKey: Uint8Array, text: string): string =>
  base32(createHmac('sha256', indexKey).update(text).digest()).slice(0, 32)

/** What stands for a principal in paths (`uh`): without the group's index key nobody can tell or test who it is. */
export function principalName(indexKey: Uint8Array, principal: Principal): string {
  return keyed(indexKey, joinKey('principal', principal.kind, principal.issuer, principal.subject))
}

/** What stands for a downstream and audience in paths (`gid`). */
export function grantName(indexKey: Uint8Array, place: GrantPlace): string {
  return keyed(indexKey, joinKey('grant', place.downstream, place.audience))
}

/** Jobs are named by whoever runs them, in any characters; their place in the store is not. */
export function jobName(job: string): string {
  return base32(createHash('sha256').update(joinKey('job', job)).digest()).slice(0, 32)
}

const groupPath = (at: VaultGroup): string => `t/${slug(at.tenant, 'tenant')}/g/${slug(at.group, 'group')}`

export const keyPath = (at: VaultGroup, uh: string): string => `${groupPath(at)}/keys/${uh}`
export const grantPath = (at: VaultGroup, uh: string, gid: string): string =>
  `${groupPath(at)}/grants/${uh}/${gid}`
export const outboxPath = (tenant: string, job: string): string =>
  `t/${slug(tenant, 'tenant')}/outbox/${jobName(job)}`

/** Dots part the fields, since slugs have none: `a-b` + `c` and `a` + `b-c` stay two keys. */
export const kekName = (at: VaultGroup): string =>
  `kek.${slug(at.tenant, 'tenant')}.${slug(at.group, 'group')}`
export const indexKeyName = (at: VaultGroup): string =>
  `idx.${slug(at.tenant, 'tenant')}.${slug(at.group, 'group')}`
export const outboxKeyName = (tenant: string): string => `out.${slug(tenant, 'tenant')}`

/** The fixed text whose HMAC is the index key of a group. */
export const indexKeyInput = (at: VaultGroup): string => joinKey('sallyport index key 1', at.tenant, at.group)
