import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { ServerMetadata } from 'openid-client'
import { type Downstream, type LinkedSource, linkedSourceOf, SallyportError } from '../../model/index.ts'
import type { ConnectionIndex } from '../../storage/index.ts'
import type { ClaimsChallenges } from '../claims-challenges.ts'
import type { AuthorizationServers } from '../authorization-server.ts'
import { resourceParameter, scopeParameter } from '../flavours/linked.ts'
import { callbackOf } from './introduction.ts'
import { type Person, scopesBesides } from './step-up.ts'
import type { LinkedRegistration, Registrations } from './registrations.ts'

/** What has to be remembered until the person comes back; it holds secrets, so it is sealed. JSON. */
export interface PendingLink {
  readonly issuer: string
  readonly client: string
  readonly redirectUri: string
  readonly verifier?: string
  readonly nonce?: string
  /** What was asked for; absent where nothing was. */
  readonly scopes?: readonly string[]
}

/** Where the browser goes, and what is remembered meanwhile. */
export interface Begun {
  readonly url: string
  readonly pending: PendingLink
}

interface Beginning {
  readonly downstream: Downstream
  readonly state: string
  readonly person: Person
}

export interface BeginDeps {
  readonly challenges: ClaimsChallenges
  readonly connections: Pick<ConnectionIndex, 'list'>
  readonly registrations: Registrations
  readonly servers: Pick<AuthorizationServers, 'metadata'>
  readonly random: (bytes: number) => Uint8Array
  /** Where sallyport is reached by people. */
  readonly url: string
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

/** The `code_challenge` of a verifier (RFC 7636 §4.2, S256). */
const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url')

const lists = (metadata: ServerMetadata, scope: string): boolean =>
  Array.isArray(metadata.scopes_supported) && metadata.scopes_supported.includes(scope)

interface Asking {
  readonly source: LinkedSource
  readonly at: LinkedRegistration
  readonly metadata: ServerMetadata
  /** What was found missing before. */
  readonly besides: readonly string[]
}

/**
 * What is asked for: what is configured, else what the downstream wants, else nothing by name. Staying signed in and
 * the name of the account are asked for besides, from servers that offer them.
 */
export function scopesToAsk({ source, at, metadata, besides }: Asking): readonly string[] | undefined {
  const { provider } = at.linked
  if (provider !== undefined) return [...new Set([...provider.scopes.always, ...source.scope])]
  const named = source.scope.length > 0 ? source.scope : [...(at.wanted ?? []), ...besides]
  const usual = source.issuer === undefined ? ['offline_access'] : ['openid', 'offline_access']
  const scopes = [...named, ...usual.filter((scope) => lists(metadata, scope))]
  return scopes.length === 0 ? undefined : [...new Set(scopes)]
}

/** What the provider wants to be satisfied first, where it has said so. */
function claimsParameter(
  downstream: Downstream,
  { principal }: Person,
  { challenges }: BeginDeps,
): readonly (readonly [string, string])[] {
  const claims = challenges.of({ downstream, access: { session: { principal } } })
  return claims === undefined ? [] : [['claims', claims]]
}

/** The parameters of a parsed URL belong to the server; a query that it has already stays. */
function urlTo(endpoint: string, parameters: readonly (readonly [string, string])[]): string {
  const url = new URL(endpoint)
  for (const [name, value] of parameters) url.searchParams.set(name, value)
  return url.href
}

/**
 * Begins to link an account (RFC 6749 §4.1.1): to be done only after the person has agreed. `state` is the caller's
 * to bind to the browser. @throws exchange_misconfigured, exchange_unavailable, address_refused
 */
export async function beginLink({ downstream, state, person }: Beginning, deps: BeginDeps): Promise<Begun> {
  const source = linkedSourceOf(downstream)
  if (source === undefined) throw new SallyportError('exchange_unsupported_principal')
  const at = await deps.registrations.of(downstream)
  const metadata = await deps.servers.metadata(at)
  const { provider } = at.linked
  const besides = await scopesBesides(downstream, person, deps)
  const scopes = scopesToAsk({ source, at, metadata, besides })
  const verifier = provider?.pkce === false ? undefined : text(deps.random(32))
  const nonce = scopes?.includes('openid') === true ? text(deps.random(16)) : undefined
  const redirectUri = callbackOf(deps.url)
  const { authorization_endpoint: endpoint } = metadata
  if (endpoint === undefined)
    throw new SallyportError('exchange_misconfigured', { field: 'authorization_endpoint' })
  const url = urlTo(endpoint, [
    ['response_type', 'code'],
    ['client_id', at.client.id],
    ['redirect_uri', redirectUri],
    ['state', state],
    ...scopeParameter(provider, scopes),
    ...(verifier === undefined
      ? []
      : ([
          ['code_challenge', challengeOf(verifier)],
          ['code_challenge_method', 'S256'],
        ] as const)),
    ...(nonce === undefined ? [] : ([['nonce', nonce]] as const)),
    ...resourceParameter(at.resource),
    ...claimsParameter(downstream, person, deps),
    ...Object.entries(provider?.authorize ?? {}),
  ])
  const pending = {
    issuer: at.issuer,
    client: at.client.id,
    redirectUri,
    ...(verifier === undefined ? {} : { verifier }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(scopes === undefined ? {} : { scopes }),
  }
  return { url, pending }
}
