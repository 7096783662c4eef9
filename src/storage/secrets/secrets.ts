import type {
  EpochSeconds,
  Grant,
  GrantPlace,
  Principal,
  Secret,
  StoredGrant,
  Tombstone,
} from '../../model/index.ts'

/**
 * Where grants lie, encrypted: one interface, two stores (Vault/OpenBao and encrypted files), one conformance
 * suite run by both.
 *
 * Every write is compare-and-swap on the version that was read. Nothing is ever deleted bare: a tombstone version
 * takes its place, older versions are destroyed, and whoever wrote from an old version loses.
 *
 * Any method may throw secrets_unavailable, secrets_sealed, secrets_denied, secrets_corrupt or config_invalid (a
 * mount or key that is not there).
 */
export interface Secrets {
  /**
   * The grant, its tombstone, or undefined where nothing was ever kept. A grant whose data key was destroyed reads
   * as that key's tombstone.
   */
  read(place: GrantPlace): Promise<StoredGrant | undefined>
  /**
   * Make a grant where there is none or a tombstone (`connecting` login). Makes the principal's data key if needed.
   * `expected` is the version that was read, 0 for none. Answers the new version. @throws secrets_conflict
   */
  create(place: GrantPlace, grant: Grant, expected: number): Promise<number>
  /**
   * Replace a live grant (`runtime` login). Never over a tombstone, never by a lower `gen`. Answers the new version.
   * @throws secrets_conflict, secrets_destroyed
   */
  update(place: GrantPlace, grant: Grant, expected: number): Promise<number>
  /**
   * Put a tombstone over the grant and destroy its older versions (`keeper` login). Idempotent: the first tombstone
   * stays. Wins against any writer, also over one who is about to create the grant.
   */
  destroy(place: GrantPlace, tomb: Tombstone['tomb']): Promise<void>
  /** Put a tombstone over the principal's data key: every copy of that ciphertext is useless from here on. Idempotent. */
  destroyKey(tenant: string, group: string, principal: Principal, tomb: Tombstone['tomb']): Promise<void>
  /**
   * Keep a refresh token, readable by the keeper only, until its provider has answered or `until` has come. The
   * same job again replaces what it kept. @throws secrets_destroyed once the job was dropped
   */
  seal(job: string, tenant: string, payload: Secret, until: EpochSeconds): Promise<void>
  /** What was sealed (`keeper` login); undefined where nothing was, where it was dropped, and after `until`. */
  unseal(job: string, tenant: string): Promise<Secret | undefined>
  /** Destroy what was sealed. Idempotent. */
  dropSealed(job: string, tenant: string): Promise<void>
  /** Forget data keys held in memory, of one principal or all; zeroes the buffers. Synchronous, never fails. */
  forget(principal?: Principal): void
  /** All that must be in place is: address, logins, mounts, keys. @throws with `field` and `remedy` in the facts */
  check(): Promise<void>
  /** Never throws. */
  health(): Promise<'up' | 'sealed' | 'down'>
  /** Forget everything, end own tokens, stop timers. Nothing may be asked afterwards. */
  close(): Promise<void>
}
