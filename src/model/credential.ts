import type { Secret } from './secret.ts'
import type { EpochSeconds, Seq } from './units.ts'

/** How a credential is written into the outgoing request. */
export type Placement =
  | { readonly kind: 'bearer' }
  | { readonly kind: 'header'; readonly name: string; readonly prefix?: string }

/** What is injected. Pinned to one origin; carries the log position its maker had applied. */
export interface Credential {
  readonly secret: Secret
  readonly placement: Placement
  readonly origin: string
  readonly expiresAt?: EpochSeconds
  readonly rev: Seq
  /** The stored connection it came from, if any. */
  readonly connection?: string
  /** The person's agreement that this client uses that connection through this server, where one was needed. */
  readonly consent?: string
  /** The scopes that its person was asked for, where he may be asked for more. */
  readonly asked?: readonly string[]
  /** A short keyed fingerprint for records; tells that two uses had the same credential, never what it was. */
  readonly fingerprint: string
}
