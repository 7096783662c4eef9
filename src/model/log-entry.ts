import type { Scope } from './scope.ts'
import type { EpochSeconds, Seq } from './units.ts'

/**
 * What is said in the ordered log (revocation protocol, line 1). A reader that meets a kind it does not know
 * treats the entry as a cut of the whole tenant, never as nothing.
 */
export type LogBody =
  | { readonly kind: 'cut'; readonly scope: Scope; readonly hold: boolean; readonly cause: string }
  | { readonly kind: 'hold'; readonly scope: Scope; readonly cause: string }
  | { readonly kind: 'release'; readonly scope: Scope; readonly cause: string }
  | { readonly kind: 'switch'; readonly scope: Scope; readonly on: boolean; readonly cause: string }
  /** The configuration in force; decisions and records carry its version. */
  | { readonly kind: 'policy'; readonly tenant: string; readonly version: string; readonly digest: string }
  | { readonly kind: 'unknown'; readonly tenant: string; readonly name: string }

export interface LogEntry {
  readonly seq: Seq
  readonly epoch: string
  /** The caller's idempotency id; the same id appended again gives the entry that exists. */
  readonly id: string
  /** Wall time of the append; compared with foreign tokens only. */
  readonly at: EpochSeconds
  readonly by: string
  readonly body: LogBody
  /** SHA-256 over the former hash and this entry's canonical JSON (RFC 8785), hex. */
  readonly hash: string
}

export interface LogHead {
  readonly seq: Seq
  readonly epoch: string
  readonly hash: string
}
