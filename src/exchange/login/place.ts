import { type GrantPlace, joinKey, type Principal, type Work } from '../../model/index.ts'
import { connectionId } from '../place.ts'

/** The vault group of login connections: no server's, so that no server's role opens it (design §4). */
export const loginGroup = 'login'

/** A sign-in of a person at the login issuer, as far as it names what is kept of it. */
export interface LoginOf {
  readonly principal: Principal
  /** The issuer's own session; a person has one connection for all sign-ins that name none. */
  readonly idpSid?: string
}

/** Where what the login issuer gave for a sign-in lies. */
export function loginPlace({ principal, idpSid }: LoginOf): GrantPlace {
  const sign = idpSid === undefined ? [] : [idpSid]
  return {
    tenant: principal.tenant,
    group: loginGroup,
    principal,
    downstream: loginGroup,
    audience: joinKey(principal.issuer, ...sign),
  }
}

/** It is the person's, and no client's, server's or session's: each of these may end without it. */
export function loginOwner(place: GrantPlace): Work {
  return { principal: place.principal, client: '', sid: '', server: '', connection: connectionId(place) }
}
