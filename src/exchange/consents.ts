import { hash } from 'node:crypto'
import { type Consent, joinKey, type Principal, principalKey, type Session } from '../model/index.ts'

/** What a consent is about: who lets which client do something at which server, and with which downstream. */
export interface ConsentOf {
  readonly principal: Principal
  /** The `client_id` as the client shows it. */
  readonly registration: string
  readonly server: string
  readonly downstream?: string
}

/** The id of a consent: always the same for the same four, so that there is one of each. */
export function consentId({ principal, registration, server, downstream = '' }: ConsentOf): Consent['id'] {
  const key = joinKey(principalKey(principal), registration, server, downstream)
  return `k-${hash('sha256', key, 'base64url').slice(0, 22)}`
}

/** Two clients that policy knows by one name are two to the person who was asked. */
export function registrationOf({ registration, client }: Session): string {
  return registration ?? client
}
