import type { JsonObject } from '../../model/index.ts'
import type { Client, ClientAuthentication } from '../shapes.ts'
import type { KnownDocument } from './catalog.ts'
import { metadataRefused, readGrants, readMetadata, readRedirects, readSays } from './reading.ts'

/** The largest document that is read (draft-ietf-oauth-client-id-metadata-document §6.6), in characters. */
const maxDocument = 5 * 1024

/** Grant types beside the code's, for clients that authenticate. */
const confidential = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const usual = ['authorization_code', 'refresh_token']

/**
 * Is a `client_id` the URL of a metadata document (§3)? https with a path; no dot segments, user, query or fragment;
 * and in the one form that a URL parser gives it, so that what is fetched is what is compared.
 */
export function isDocumentUrl(id: string): boolean {
  if (!id.startsWith('https://') || id.length > 500 || /[?#\\@%\s]/.test(id)) return false
  const url = URL.parse(id)
  return url !== null && url.href === id && url.pathname !== '/'
}

/**
 * A client from its document. Nothing that it says gives it a name. @throws client_metadata_refused, redirect_refused
 */
export function readDocument(id: string, text: string): Client {
  if (text.length > maxDocument) throw metadataRefused('It is longer than 5 KiB.')
  const metadata = readMetadata(text)
  if (metadata['client_id'] !== id) throw metadataRefused('Its client_id is another than its URL.')
  for (const name of ['client_secret', 'client_secret_expires_at'])
    if (Object.hasOwn(metadata, name)) throw metadataRefused('It holds a secret.')
  const authentication = readAuthentication(metadata)
  return {
    id,
    name: 'unverified',
    ...readSays(metadata),
    redirects: readRedirects(metadata),
    authentication,
    grants: readGrants(metadata, authentication.method === 'none' ? usual : [...usual, confidential]),
  }
}

/** The same from the catalogue's copy, where the document cannot be fetched. */
export function fromCopy({ id, redirects, jwks }: KnownDocument): Client {
  const keys = jwks === undefined ? undefined : ({ method: 'private_key_jwt', jwks } as const)
  const authentication = keys ?? ({ method: 'none' } as const)
  return { id, name: 'unverified', redirects, authentication, grants: usual }
}

/** Without a shared secret there are two ways (§4.1): none, and by a key of its own. */
function readAuthentication(metadata: JsonObject): ClientAuthentication {
  const { token_endpoint_auth_method: method = 'none', jwks, jwks_uri: uri } = metadata
  if (method === 'none') return { method }
  if (method !== 'private_key_jwt')
    throw metadataRefused('token_endpoint_auth_method is none that is served.')
  if ((jwks === undefined) === (uri === undefined))
    throw metadataRefused('Exactly one of jwks and jwks_uri is needed.')
  if (uri !== undefined) {
    if (typeof uri !== 'string' || !/^https:\/\/[^\s#@\\]+$/.test(uri) || !URL.canParse(uri))
      throw metadataRefused('jwks_uri is no https URL.')
    return { method, jwks: uri }
  }
  const keys = (jwks as { readonly keys?: unknown } | null)?.keys
  const usable =
    Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key === 'object' && key !== null)
  if (!usable) throw metadataRefused('jwks is no JWK set.')
  return { method, jwks: { keys: keys as readonly object[] } }
}
