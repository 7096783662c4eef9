import type { JsonObject } from './json.ts'
import type { VaultGroup } from './names.ts'

/** The three logins of design §2; each is refused on the others' paths. */
export type Role = 'runtime' | 'connecting' | 'keeper'

/**
 * The newest version of an entry. `value` is absent where another hand deleted that version, and something that no
 * reader accepts where it is damaged: both can be overwritten.
 */
export interface Version {
  readonly version: number
  readonly value?: JsonObject
}

/**
 * What a place for secrets must be able to do; grants, data keys and the outbox are the same code over it.
 * Versions count up from 1 and are never used twice, at most two are kept. Failures are `secrets_*`.
 */
export interface Backend {
  read(role: Role, path: string): Promise<Version | undefined>
  /**
   * Write version `expected` + 1 if `expected` is the newest (0: if there is none), atomically and durably.
   * @throws secrets_conflict
   */
  writeCas(role: Role, path: string, value: JsonObject, expected: number): Promise<number>
  /** Erase every version below `version`, for good. Idempotent. */
  destroyOlder(path: string, version: number): Promise<void>
  /** Wrap a data key under the group's key-encryption key; `aad` is needed again to unwrap it. */
  wrap(at: VaultGroup, key: Uint8Array, aad: string): Promise<string>
  /** The data key, for the caller to wipe. @throws secrets_corrupt */
  unwrap(at: VaultGroup, wrapped: string, aad: string): Promise<Buffer>
  /** The key of the group's names: always the same, and not the one that wraps. */
  indexKey(at: VaultGroup): Promise<Buffer>
  /** Encrypt for the keeper: whoever may do this may not undo it. */
  seal(tenant: string, plaintext: Uint8Array, aad: string): Promise<string>
  /** @throws secrets_corrupt */
  unseal(tenant: string, sealed: string, aad: string): Promise<Buffer>
  /** All that must be in place is. @throws config_invalid, secrets_*, with field and remedy */
  check(): Promise<void>
  health(): Promise<'up' | 'sealed' | 'down'>
  close(): Promise<void>
}
