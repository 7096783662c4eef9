import type { Durability, RecordEvent, SallyportError, Secret } from '../model/index.ts'
import type { Recorded } from './recorded.ts'

/** The record, as the other rooms see it (design §8). */
export interface Audit {
  /**
   * Write an intent before its effect. Returns once the record has the durability asked for: `handed` means that
   * the kernel has it (the process's death loses none), `synced` that the disk has it. `acknowledged` takes a hub,
   * which one process alone does not have. Only what this returns lets a request be sent.
   * @throws record_unavailable, at once or by the promise
   */
  begin(event: RecordEvent, durability: Durability): Recorded | Promise<Recorded>
  /**
   * As `begin`, in one write with all else that this turn of the event loop records: `then` is told once, at the end
   * of the turn for `handed`, after the disk for `synced`. Never throws.
   */
  intend(event: RecordEvent, durability: Durability, then: (result: Recorded | SallyportError) => void): void
  /**
   * Write the outcome of an intent. Never throws; an outcome that cannot be written waits until that is possible
   * again, and meanwhile every `begin` fails. The duration since `begin` is added where the outcome has none.
   */
  finish(recorded: Recorded, outcome: RecordEvent): void
  /** Write any other event; synced by default. @throws record_unavailable, by the promise */
  note(event: RecordEvent, durability?: Durability): Promise<void>
  /** A keyed fingerprint (HMAC) of a secret, 16 hex digits: equal uses look equal, nothing more is told. */
  fingerprint(secret: Secret): string
  /** End the chain with a signed line. What comes later is refused. */
  close(): Promise<void>
}

/** The record of this process, as who opened it sees it. */
export interface OpenAudit extends Audit {
  /** The name of this process's chain. */
  readonly chain: string
  /** Whether the last write succeeded. */
  readonly working: boolean
}
