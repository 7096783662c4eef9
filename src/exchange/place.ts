import { hash } from 'node:crypto'
import { actorKey, type GrantPlace, joinKey, principalKey } from '../model/index.ts'
import type { Registration } from './registration.ts'
import type { Need } from './need.ts'
import type { ExchangeSource } from './flavours/flavour.ts'
import { targetNames, targetOf } from './flavours/target.ts'

/**
 * Where the stored connection of one sign-in lies. The session, the actor chain and the scope are part of the name, so
 * two sign-ins of one person never share a grant, and a changed configuration never serves what was granted for
 * another scope; a session's name is the same after a restart.
 */
export function exchangePlace(need: Need, source: ExchangeSource): GrantPlace {
  const { session, actor } = need.access
  const audience = joinKey(...targetNames(targetOf(source, need.downstream)))
  return {
    tenant: session.principal.tenant,
    group: need.server.group,
    principal: session.principal,
    downstream: need.downstream.name,
    audience: joinKey(audience, session.sid, actorKey(actor), ...source.scope),
  }
}

/** Where what a person put in lies (`static: { per: user }`): one per person, vault group and downstream. */
export function connectedPlace(
  need: Pick<Need, 'server' | 'downstream'>,
  principal: GrantPlace['principal'],
): GrantPlace {
  return {
    tenant: principal.tenant,
    group: need.server.group,
    principal,
    downstream: need.downstream.name,
    audience: need.downstream.resource,
  }
}

/** Where a linked account lies: one place for each account that a person links of a downstream. */
export function linkedPlace(
  need: Pick<Need, 'server' | 'downstream'>,
  principal: GrantPlace['principal'],
  account: string,
): GrantPlace {
  return { ...connectedPlace(need, principal), audience: joinKey(need.downstream.resource, account) }
}

export function placeKey(place: GrantPlace): string {
  const { tenant, group, principal, downstream, audience } = place
  return joinKey(tenant, group, principalKey(principal), downstream, audience)
}

/** The id of the connection at a place: always the same, so a grant is found and cut without looking it up. */
export function connectionId(place: GrantPlace): string {
  return `c-${hash('sha256', placeKey(place), 'base64url').slice(0, 22)}`
}

/** What names the registration that obtained a grant; another one may not refresh it. */
export function registrationKey({ issuer, client }: Registration): string {
  return joinKey(issuer, client.id)
}
