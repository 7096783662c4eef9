/** How sessions end: on whose word, and what goes with them. */
import { randomUUID } from 'node:crypto'
import { epoch, type Scope, type Seq, type Session } from './model/index.ts'
import type { Revocations } from './revocation/index.ts'
import type { State } from './storage/index.ts'
import type { Log } from './telemetry/index.ts'

/** On whose word a session ends, and why. */
export interface Ending {
  readonly by: string
  readonly cause: string
}

/** What its token stands for ends everywhere, with everything that stands on it. */
export async function cutSession(revocations: Revocations, session: Session, why: Ending): Promise<void> {
  const scope: Scope = { kind: 'session', tenant: session.principal.tenant, sid: session.sid }
  await revocations.revoke({ id: randomUUID(), scope, hold: false, ...why, wait: 'fence', waitSeconds: 5 })
}

/** For whoever has no time to wait for it. */
export function endSoon(ending: Promise<void>, log: Log): void {
  ending.catch((error: unknown) => log.error('a session that is over could not be ended', {}, error))
}

/** Forgets the sessions of a scope with what they stand on, and tells by which claim their sign-ins were dated. */
export async function endSessions(scope: Scope, seq: Seq, { sessions, signIns, consents }: State) {
  const tenant = scope.kind === 'user' ? scope.principal.tenant : scope.tenant
  const reached = await sessions.list(tenant, scope, epoch(0))
  await signIns.end(scope, seq)
  await consents.end(scope, seq)
  const byIat = reached.some(({ authTimeFrom }) => authTimeFrom === 'iat')
  return {
    sessions: await sessions.end(scope, seq),
    signIns: byIat ? ('iat-only' as const) : ('auth_time' as const),
  }
}
