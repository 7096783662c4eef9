import { createHmac } from 'node:crypto'
import { base32, joinKey, type Principal, type Secret } from '../../model/index.ts'

/** What makes a session the same session. */
export interface SessionName {
  readonly principal: Principal
  /** As the client shows itself, so that two clients without a verified name share no session. */
  readonly client: string
  readonly server: string
  readonly idpSid: string | undefined
}

const length = 32

/**
 * The name of a session: a keyed hash of whose it is, in base32, so that the same sign-in always gets the same name
 * and a cut of that name bars it from being made anew; and so that the name tells nothing. The key has to outlive
 * the process as the cuts do.
 */
export function sessionId(name: SessionName, key: Secret<Uint8Array>): string {
  const { tenant, kind, issuer, subject } = name.principal
  const idp = name.idpSid === undefined ? ['0'] : ['1', name.idpSid]
  const text = joinKey('session', tenant, kind, issuer, subject, name.client, name.server, ...idp)
  return base32(createHmac('sha256', key.reveal()).update(text).digest()).slice(0, length)
}
