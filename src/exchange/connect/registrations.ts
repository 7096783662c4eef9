import type { CustomFetch, ServerMetadata } from 'openid-client'
import {
  type Clock,
  type Downstream,
  type LinkedSource,
  linkedSourceOf,
  type Millis,
  type OAuthClient,
  SallyportError,
  Secret,
} from '../../model/index.ts'
import type { AuthorizationServers } from '../authorization-server.ts'
import type { Registration } from '../registration.ts'
import { catalogue } from '../providers/catalogue.ts'
import { isObject, isText } from '../providers/provider.ts'
import { callTimeout } from '../call-timeout.ts'
import { clientDocumentPath, clientMetadata, type Introduction } from './introduction.ts'
import { type ProtectedResource, protectedResource } from './protected-resource.ts'

/** Our client at the server at which the accounts of a downstream are linked. */
export interface LinkedRegistration extends Registration {
  readonly linked: NonNullable<Registration['linked']>
  /** The scopes that the downstream itself wants, where it was asked. */
  readonly wanted?: readonly string[]
  /** What a token is asked for (RFC 8707); absent where nothing is said. */
  readonly resource?: string
}

export interface Registrations {
  /** @throws exchange_misconfigured, exchange_unavailable, address_refused */
  of(downstream: Downstream): Promise<LinkedRegistration>
  /** It refused what was made by what it said of itself: it is asked again the next time. */
  forget(downstream: Downstream): void
}

export interface RegistrationDeps extends Introduction {
  readonly fetch: CustomFetch
  readonly servers: Pick<AuthorizationServers, 'metadata'>
  readonly clock: Clock
}

/** A resource that was asked is asked again after this many milliseconds. */
const resourceLifetime = 3_600_000

const remedy = 'register sallyport there by hand, and give client: { id, secret }'

/** A registration that a server gave, as it is kept. @throws exchange_misconfigured */
function clientFrom(text: string): OAuthClient {
  const given: unknown = JSON.parse(text)
  if (!isObject(given) || !isText(given['client_id']))
    throw new SallyportError('exchange_misconfigured', { field: 'client_id', remedy })
  const { client_id: id, client_secret: secret } = given
  return { id, ...(isText(secret) ? { secret: new Secret(secret, 'client secret') } : {}) }
}

const hasEnded = (text: string, { clock }: RegistrationDeps): boolean => {
  const { client_secret_expires_at: ends } = JSON.parse(text) as { client_secret_expires_at?: unknown }
  return typeof ends === 'number' && ends !== 0 && ends <= clock.now()
}

/** RFC 7591. */
async function register(metadata: ServerMetadata, deps: RegistrationDeps): Promise<string> {
  const { registration_endpoint: endpoint } = metadata
  if (endpoint === undefined) throw new SallyportError('exchange_misconfigured', { field: 'client', remedy })
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const method = ['client_secret_basic', 'client_secret_post', 'none'].find((it) => methods.includes(it))
  const asked = {
    ...clientMetadata(deps.url),
    // OpenID Connect Registration §2: a redirect to this machine is a native client's.
    application_type: deps.url.startsWith('https:') ? 'web' : 'native',
    token_endpoint_auth_method: method ?? 'client_secret_basic',
  }
  const response = await deps.fetch(endpoint, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(asked),
    redirect: 'manual',
    signal: AbortSignal.timeout(callTimeout * 1000),
  })
  if (response.status !== 201 && response.status !== 200)
    throw new SallyportError('exchange_misconfigured', { field: 'client', remedy })
  return response.text()
}

const urlOf = ({ origin, basePath }: Downstream): string => origin + basePath

/** One question at a time to a downstream; a failed one is not remembered. */
function rememberedResources({ clock, fetch }: RegistrationDeps) {
  const resources = new Map<string, { readonly at: Millis; readonly found: Promise<ProtectedResource> }>()
  return {
    of(downstream: Downstream): Promise<ProtectedResource> {
      const key = urlOf(downstream)
      const now = clock.monotonic()
      const known = resources.get(key)
      if (known !== undefined && now - known.at < resourceLifetime) return known.found
      const asked = { at: now, found: protectedResource(downstream, fetch).catch(failed) }
      resources.set(key, asked)
      asked.found.catch(() => {
        if (resources.get(key) === asked) resources.delete(key)
      })
      return asked.found
    },
    forget: (downstream: Downstream) => resources.delete(urlOf(downstream)),
  }
}

function failed(error: unknown): never {
  if (error instanceof SallyportError) throw error
  throw new SallyportError('exchange_unavailable', {}, error)
}

/** Registrations belong to one issuer: what another one gave is never shown to it. */
export function createRegistrations(deps: RegistrationDeps): Registrations {
  const clients = new Map<string, Promise<OAuthClient>>()
  const resources = rememberedResources(deps)

  async function introduce(at: Omit<Registration, 'client'>): Promise<OAuthClient> {
    const nobody: OAuthClient = { id: '' }
    const metadata = await deps.servers.metadata({ ...at, client: nobody })
    // A document at a URL is one only where others can fetch it.
    if (metadata['client_id_metadata_document_supported'] === true && deps.url.startsWith('https:'))
      return { id: deps.url + clientDocumentPath }
    const name = `client of ${deps.url} at ${at.issuer}`
    const kept = await deps.given.read(name)
    if (kept !== undefined && !hasEnded(kept, deps)) return clientFrom(kept)
    const given = await register(metadata, deps)
    const client = clientFrom(given)
    await deps.given.write(name, given)
    return client
  }

  function clientAt(source: LinkedSource, at: Omit<Registration, 'client'>): Promise<OAuthClient> {
    if (source.client !== undefined) return Promise.resolve(source.client)
    const known = clients.get(at.issuer)
    if (known !== undefined) return known
    const made = introduce(at)
    clients.set(at.issuer, made)
    made.catch(() => clients.delete(at.issuer))
    return made
  }

  return {
    async of(downstream) {
      const source = linkedSourceOf(downstream)
      if (source === undefined) throw new SallyportError('exchange_unsupported_principal')
      const { provider, origins } = source
      const linked = { origins, ...(provider === undefined ? {} : { provider: catalogue[provider] }) }
      const found = source.issuer === undefined ? await resources.of(downstream) : undefined
      const issuer = source.issuer ?? found?.issuer ?? ''
      if (found !== undefined) deps.allowOrigin(issuer, downstream.origin)
      const client = await clientAt(source, { issuer, linked })
      const resource = source.resource ?? found?.resource ?? false
      return {
        issuer,
        client,
        linked,
        ...(found?.scopes === undefined ? {} : { wanted: found.scopes }),
        ...(resource === false ? {} : { resource }),
      }
    },
    forget: (downstream) => void resources.forget(downstream),
  }
}
