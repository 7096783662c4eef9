import {
  type Connection,
  type Consent,
  type Gate,
  principalKey,
  SallyportError,
  type Work,
} from '../model/index.ts'
import type { ConnectionIndex, Consents } from '../storage/index.ts'
import { consentId, registrationOf } from './consents.ts'
import type { Need } from './need.ts'
import { connectedPlace, connectionId } from './place.ts'

/** The account that a need is served from, and by whose leave. */
export interface Link {
  readonly connection: Connection
  /** Absent where an operator put the secret in, and answers for its use. */
  readonly consent?: string
}

export interface LinkDeps {
  readonly connections: Pick<ConnectionIndex, 'get'>
  readonly consents: Pick<Consents, 'get'>
  readonly gate: Gate
}

function isUsable(connection: Connection | undefined, need: Need): connection is Connection {
  if (connection?.status !== 'active') return false
  const { place } = connection
  return (
    place.downstream === need.downstream.name &&
    place.group === need.server.group &&
    principalKey(place.principal) === principalKey(need.access.session.principal)
  )
}

function workOf({ access, server, downstream }: Need, consent: Consent): Work {
  const { principal, client, sid } = access.session
  return {
    principal,
    client,
    sid,
    server: server.name,
    downstream: downstream.name,
    consent: consent.id,
    ...(consent.connection === undefined ? {} : { connection: consent.connection }),
  }
}

/** The account that the person has agreed to for this client at this server, unless it was cut since. */
async function agreed(need: Need, deps: LinkDeps): Promise<Link | undefined> {
  const { session } = need.access
  const { principal } = session
  const registration = registrationOf(session)
  const of = { principal, registration, server: need.server.name, downstream: need.downstream.name }
  const consent = await deps.consents.get(principal.tenant, consentId(of))
  if (consent?.connection === undefined) return undefined
  if (deps.gate.check(workOf(need, consent), consent.rev) !== undefined) return undefined
  const connection = await deps.connections.get(principal.tenant, consent.connection)
  if (!isUsable(connection, need) || !covers(consent, connection)) return undefined
  return { connection, consent: consent.id }
}

/** An account that has been linked with more since is more than the person has agreed to. */
function covers(consent: Consent, { scopes = [] }: Connection): boolean {
  return scopes.every((scope) => consent.scopes.includes(scope))
}

/** What an operator put in for the person with `sallyport connect`. */
async function putInByOperator(need: Need, deps: LinkDeps): Promise<Link | undefined> {
  if (need.downstream.credential.kind !== 'static') return undefined
  const { principal } = need.access.session
  const connection = await deps.connections.get(
    principal.tenant,
    connectionId(connectedPlace(need, principal)),
  )
  return isUsable(connection, need) && connection.operator === true ? { connection } : undefined
}

/** @throws exchange_unsupported_principal, connect_required, state_unavailable */
export async function findLink(need: Need, deps: LinkDeps): Promise<Link> {
  if (need.access.session.principal.kind !== 'user')
    throw new SallyportError('exchange_unsupported_principal')
  const link = (await agreed(need, deps)) ?? (await putInByOperator(need, deps))
  if (link === undefined) throw new SallyportError('connect_required')
  return link
}
