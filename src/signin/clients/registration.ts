import { createHmac } from 'node:crypto'
import {
  type Clock,
  isJsonObject,
  type JsonObject,
  parseStrictJson,
  SallyportError,
  Secret,
} from '../../model/index.ts'
import type { Seal } from '../../storage/index.ts'
import { createRate } from '../rate.ts'
import type { Client } from '../shapes.ts'
import type { Known } from './known.ts'
import { metadataRefused, readGrants, readMetadata, readRedirects, readSays } from './reading.ts'
import { isRedirect } from './redirects.ts'

/**
 * Registration (RFC 7591) that keeps nothing: the `client_id` is what was registered, sealed, and a secret is derived
 * from it. So nobody fills a table, and a registration holds for as long as the configuration would take it anew.
 */
export interface Registrations {
  /** The answer of the registration endpoint (§3.2.1). @throws client_metadata_refused, redirect_refused, redirect_unknown, too_many_requests */
  register(body: string): object
  /** Undefined for what was not made here, and for what would be refused by now. */
  find(id: string): Client | undefined
}

export interface RegistrationDeps {
  readonly mode: 'off' | 'known' | 'open'
  readonly known: Pick<Known, 'knows'>
  readonly seal: Seal
  /** Secrets of clients are derived by it. */
  readonly key: Secret<Uint8Array>
  readonly clock: Clock
}

const prefix = 'dcr.'
const methods = ['none', 'client_secret_basic', 'client_secret_post'] as const
type Method = (typeof methods)[number]
const grants = ['authorization_code', 'refresh_token']

interface Registered {
  readonly redirects: readonly string[]
  readonly says?: string
  readonly method: Method
  readonly grants: readonly string[]
  /** Seconds since the epoch. */
  readonly at: number
}

export function createRegistrations(deps: RegistrationDeps): Registrations {
  const { mode, known, seal, clock } = deps
  const rate = createRate({ burst: 50, perSecond: 5 }, clock)
  const admitted = (redirects: readonly string[]): boolean =>
    mode === 'open' || (mode === 'known' && redirects.every((it) => known.knows(it)))
  return {
    register: (body) => {
      if (!rate.take()) throw new SallyportError('too_many_requests')
      const metadata = readMetadata(body)
      const asked = readRegistration(metadata, clock.now())
      if (!admitted(asked.redirects)) throw new SallyportError('redirect_unknown')
      const id = prefix + seal.close(JSON.stringify(asked))
      return answerOf(id, asked, { metadata, key: deps.key })
    },
    find: (id) => {
      if (!id.startsWith(prefix)) return undefined
      const registered = open(id.slice(prefix.length), seal)
      if (registered === undefined || !admitted(registered.redirects)) return undefined
      return clientOf(id, registered, deps.key)
    },
  }
}

function readRegistration(metadata: JsonObject, at: number): Registered {
  const method = metadata['token_endpoint_auth_method'] ?? 'client_secret_basic'
  const known = methods.find((it) => it === method)
  if (known === undefined)
    throw metadataRefused(`token_endpoint_auth_method has to be one of ${methods.join(', ')}.`)
  return {
    redirects: readRedirects(metadata),
    ...readSays(metadata),
    method: known,
    grants: readGrants(metadata, grants),
    at,
  }
}

interface Answering {
  readonly metadata: JsonObject
  readonly key: Secret<Uint8Array>
}

/** What was registered, as it was taken: that may be less than was asked for (§3.2.1). */
function answerOf(id: string, registered: Registered, { metadata, key }: Answering): object {
  const { redirects, says, method, grants: taken, at } = registered
  const { application_type: type } = metadata
  return {
    client_id: id,
    client_id_issued_at: at,
    ...(method === 'none' ? {} : { client_secret: secretOf(id, key), client_secret_expires_at: 0 }),
    ...(says === undefined ? {} : { client_name: says }),
    redirect_uris: redirects,
    token_endpoint_auth_method: method,
    grant_types: taken,
    response_types: ['code'],
    ...(type === 'web' || type === 'native' ? { application_type: type } : {}),
  }
}

function clientOf(
  id: string,
  { redirects, says, method, grants: taken }: Registered,
  key: Secret<Uint8Array>,
): Client {
  return {
    id,
    name: 'unverified',
    ...(says === undefined ? {} : { says }),
    redirects,
    authentication:
      method === 'none' ? { method } : { method, secret: new Secret(secretOf(id, key), 'client secret') },
    grants: taken,
  }
}

/** Nothing but this process can make it, for this client or another. */
function secretOf(id: string, key: Secret<Uint8Array>): string {
  return `sp_cs_${createHmac('sha256', key.reveal()).update(id).digest('base64url')}`
}

/** What is sealed was read strictly before; a former version may have taken what this one would not. */
function open(sealed: string, seal: Seal): Registered | undefined {
  const text = seal.open(sealed)
  if (text === undefined) return undefined
  const value = parseStrictJson(text)
  if (!isJsonObject(value)) return undefined
  const registered = value as unknown as Registered
  return registered.redirects.every(isRedirect) ? registered : undefined
}
