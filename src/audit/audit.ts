import type { Durability, RecordEvent, Secret } from '../model/index.ts'
import type { Recorded } from './recorded.ts'

/** The record, as the other rooms see it (design §8). */
export interface Audit {
  /**
   * Write an intent before its effect. Returns once the record has the durability asked for: `handed` means that
   * the kernel has it (the process's death loses none), `synced` that the disk has it.
   * Only what this returns lets a request be sent. @throws record_unavailable
   */
  begin(event: RecordEvent, durability: Durability): Recorded | Promise<Recorded>
  /** Write the outcome of an intent. Never throws; a failure makes the next `begin` fail. */
  finish(recorded: Recorded, outcome: RecordEvent): void
  /** Write any other event; synced by default. @throws record_unavailable */
  note(event: RecordEvent, durability?: Durability): Promise<void>
  /** A keyed fingerprint (HMAC) of a secret, 16 hex digits: equal uses look equal, nothing more is told. */
  fingerprint(secret: Secret): string
  close(): Promise<void>
}
