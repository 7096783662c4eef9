import type { Clock, GuardedFetch, Secret } from '../../model/index.ts'
import type { Log } from '../../telemetry/index.ts'
import type { Role } from './backend.ts'
import type { RandomBytes } from './envelope.ts'

/** How one login gets its token. `role` and `secret` are AppRole's ids, `mount` is where AppRole is mounted. */
export interface VaultLoginOptions {
  readonly kind: 'token' | 'approle'
  readonly token?: Secret
  readonly role?: string
  readonly secret?: Secret
  readonly mount: string
}

export interface VaultOptions {
  /** Scheme, host and port; a path is not taken. One that leads to the active node, or every node of the cluster. */
  readonly addresses: readonly string[]
  readonly namespace?: string
  readonly mounts: { readonly kv: string; readonly transit: string }
  /** The same object for several means one token for them. */
  readonly logins: Readonly<Record<Role, VaultLoginOptions>>
}

export interface VaultDeps {
  /** Judges addresses, trusts the configured CA, follows no redirect and no proxy of the environment. */
  readonly fetch: GuardedFetch
  readonly clock: Clock
  readonly log: Log
  readonly random: RandomBytes
}
