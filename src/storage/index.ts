/**
 * What is kept: the state (SQLite in the single form) behind one small interface per noun, and secrets, encrypted,
 * behind `Secrets` (Vault/OpenBao or files). Also the keyring of the data folder and the lock that makes a second
 * instance impossible. All drivers are here and nowhere else.
 *
 * What never leaves: plaintext of a stored secret other than as `Secret`, and the keys that wrap it. A commit is
 * synced to disk before it returns. A replica may not assume that it is the only writer of a grant: every write is
 * compare-and-swap.
 */
export { type Keyring, openKeyring, publicKeyFile, type Signer } from './keyring.ts'
export { createSeal, isSealed, type Seal } from './seal.ts'
export { openFileSecrets } from './secrets/files.ts'
export type { Secrets } from './secrets/secrets.ts'
export { openVaultSecrets } from './secrets/vault.ts'
export { lookIntoVault } from './secrets/vault-look.ts'
export { type InstanceLock, lockInstance } from './state/database.ts'
export { readPins } from './state/pins.ts'
export { openSqliteState, readAnchors } from './state/sqlite.ts'
export type {
  Anchors,
  ConnectionIndex,
  Consents,
  LogStore,
  Meta,
  Outbox,
  OutboxJob,
  Pins,
  Receipts,
  Sessions,
  SignIns,
  State,
  Ticket,
  Tickets,
} from './state/state.ts'
export { agreesWithWitness, witnessed } from './state/witness.ts'
export { createTurns, type Turns } from './turns.ts'
export { writeDurably } from './write-durably.ts'
