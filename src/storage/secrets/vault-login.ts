import type { Clock, Millis, Secret } from '../../model/index.ts'
import type { Log } from '../../telemetry/index.ts'
import type { Role } from './backend.ts'
import type { RandomBytes } from './envelope.ts'
import type { VaultClient } from './vault-client.ts'
import type { VaultLoginOptions } from './vault-options.ts'

/** Keeps one login's token alive: logs in again (AppRole) or renews (a token given) well before its end. */
export interface Login {
  /** A token that is believed to be good. @throws secrets_denied, secrets_unavailable, secrets_sealed */
  token(): Promise<Secret>
  /**
   * The server refused this token: a newer one, or undefined where the token is not what is wrong.
   * @throws secrets_denied where none can be had
   */
  again(refused: Secret): Promise<Secret | undefined>
  /** Stops the timers and ends a token that was obtained here, as far as the server can be reached. */
  close(): Promise<void>
}

export interface LoginDeps {
  readonly role: Role
  readonly options: VaultLoginOptions
  readonly client: VaultClient
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Log
}

/** 60 % of the life, give or take a tenth, so that replicas do not come at the same moment. In milliseconds. */
export function renewalDelay(lifeSeconds: number, random: RandomBytes): number {
  const jitter = 0.9 + 0.2 * (random(1).readUInt8(0) / 255)
  return Math.max(100, lifeSeconds * 600 * jitter)
}

/** How long to wait after a renewal that failed: soon, but not in a hurry. In milliseconds. */
export function retryDelay(endsAt: Millis | undefined, clock: Clock): number {
  const remaining = endsAt === undefined ? 0 : endsAt - clock.monotonic()
  return Math.min(30_000, Math.max(1000, remaining / 5))
}
