import { type Clock, type GuardedFetch, Secret } from '../../model/index.ts'
import type { Seal } from '../../storage/index.ts'
import type { Log } from '../../telemetry/index.ts'
import type { Client, ClientAuthentication } from '../shapes.ts'
import { isDocumentUrl } from './document.ts'
import { createDocuments } from './documents.ts'
import { type ClientEntry, createKnown, type Known, type Vouched } from './known.ts'
import { isExclusive, sameRedirect } from './redirects.ts'
import { createRegistrations } from './registration.ts'

/** The MCP clients, wherever their registrations come from. */
export interface Clients {
  /** By `client_id`. One that is not configured has no name yet. @throws client_metadata_refused, too_many_requests */
  find(id: string): Promise<Client | undefined>
  /**
   * The client by the name that policy knows it by, once it is known where its answer goes: what registered itself is who
   * receives there, where nobody else can.
   */
  answeredAt(client: Client, redirect: string): Client
  /** The answer of the registration endpoint. @throws as `Registrations.register` */
  register(body: string): object
}

export interface ClientsSlice {
  readonly clients: readonly ClientEntry[]
  readonly catalog: boolean
  readonly registration: 'off' | 'known' | 'open'
}

export interface ClientsDeps {
  readonly fetchPublic: GuardedFetch
  readonly clock: Clock
  readonly log: Log
  readonly registrationSeal: Seal
  readonly clientSecretKey: Secret<Uint8Array>
}

export function createClients(slice: ClientsSlice, deps: ClientsDeps): Clients {
  const known = createKnown(slice.clients, slice.catalog)
  const documents = createDocuments({ ...deps, known })
  const registrations = createRegistrations({
    mode: slice.registration,
    known,
    seal: deps.registrationSeal,
    key: deps.clientSecretKey,
    clock: deps.clock,
  })
  const registered = new Map(
    slice.clients.flatMap((entry) =>
      entry.id === undefined ? [] : [[entry.id, fromEntry(entry, entry.id)]],
    ),
  )
  return {
    find: async (id) => {
      const own = registered.get(id)
      if (own !== undefined) return own
      if (isDocumentUrl(id)) return documents.find(id)
      return registrations.find(id)
    },
    register: registrations.register,
    answeredAt: (client, redirect) => {
      if (registered.has(client.id)) return isItself(client, redirect) ? client : withoutTitle(client)
      return isExclusive(redirect) ? nameSelfRegistered(client, redirect, known) : client
    },
  }
}

/** It has a secret or keys, or nobody else receives its answer. */
const isItself = ({ authentication }: Client, redirect: string): boolean =>
  authentication.method !== 'none' || isExclusive(redirect)

/** Rules go by the name that was configured for the id; people are told that another program could come by it. */
function withoutTitle({ title, ...client }: Client): Client {
  return title === undefined ? client : { ...client, says: title }
}

function nameSelfRegistered(client: Client, redirect: string, known: Known): Client {
  if (!isDocumentUrl(client.id)) return vouched(client, known.byRedirect(redirect))
  // Its document is an address that only its owner can change, so rules may name it by that; people are still told that nobody vouches for it.
  return vouched({ ...client, name: client.id }, known.byDocument(client.id))
}

function vouched(client: Client, by: Vouched | undefined): Client {
  return by === undefined ? client : { ...client, ...by }
}

function fromEntry({ name, redirects, grants, servers, ...entry }: ClientEntry, id: string): Client {
  return {
    id,
    name,
    title: name,
    redirects,
    authentication: authenticationOf(entry),
    grants,
    ...(servers === undefined ? {} : { servers }),
  }
}

function authenticationOf({ secret, jwks }: Pick<ClientEntry, 'secret' | 'jwks'>): ClientAuthentication {
  if (jwks !== undefined) return { method: 'private_key_jwt', jwks }
  return secret === undefined ? { method: 'none' } : { method: 'client_secret_basic', secret }
}

export const takesRedirect = ({ redirects }: Client, redirect: string): boolean =>
  redirects.some((it) => sameRedirect(it, redirect))
