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
 */
export interface Secrets {
  /** The grant, its tombstone, or undefined where nothing was ever kept. @throws secrets_unavailable, secrets_sealed, secrets_denied, secrets_corrupt */
  read(place: GrantPlace): Promise<StoredGrant | undefined>
  /**
   * Make a grant where there is none or a tombstone (`connecting` login). Makes the principal's data key if needed.
   * `expected` is the version that was read, 0 for none. @throws secrets_conflict
   */
  create(place: GrantPlace, grant: Grant, expected: number): Promise<number>
  /** Replace a live grant (`runtime` login). Never over a tombstone. @throws secrets_conflict, secrets_destroyed */
  update(place: GrantPlace, grant: Grant, expected: number): Promise<number>
  /** Put a tombstone over the grant and destroy its older versions (`keeper` login). Idempotent; wins against any writer. */
  destroy(place: GrantPlace, tomb: Tombstone['tomb']): Promise<void>
  /** Put a tombstone over the principal's data key: every copy of that ciphertext is useless from here on. */
  destroyKey(tenant: string, group: string, principal: Principal, tomb: Tombstone['tomb']): Promise<void>
  /** Keep a refresh token, readable by the keeper only, until its provider has answered or `until` has come. */
  seal(job: string, tenant: string, payload: Secret, until: EpochSeconds): Promise<void>
  unseal(job: string, tenant: string): Promise<Secret | undefined>
  dropSealed(job: string, tenant: string): Promise<void>
  /** Forget data keys held in memory for what the scope's principal has; zeroes the buffers. */
  forget(principal?: Principal): void
  health(): Promise<'up' | 'sealed' | 'down'>
  close(): Promise<void>
}
