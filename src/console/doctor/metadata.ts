import type { Diagnosis } from './finding.ts'
import { type IdpKind, idpKind, idpNames, type Metadata } from './idp.ts'

/** What is asked of an issuer's metadata. */
export interface MetadataTerms {
  /** As the configuration names it. */
  readonly issuer: string
  /** `login.issuer`, `downstreams.orders.exchange.issuer`. */
  readonly field: string
  /** The setting with our client there; undefined where there is none. */
  readonly client: string | undefined
  readonly authentication: 'client_secret_basic' | 'private_key_jwt' | undefined
  /** What has to be there: `token_endpoint`, `jwks_uri` … */
  readonly endpoints: readonly string[]
}

/** How two issuers differ, in our own words: what the IdP says is not repeated. */
function difference(configured: string, found: unknown): string {
  if (typeof found !== 'string') return 'it names none'
  const [a, b] = [URL.parse(configured), URL.parse(found)]
  if (a === null || b === null) return 'that one is no URL'
  if (`${configured}/` === found) return 'that one ends with a slash'
  if (configured === `${found}/`) return 'that one ends without a slash'
  if (/\{tenantid\}/i.test(found))
    return 'that one stands for every tenant: name your own (not common or organizations)'
  if (a.protocol !== b.protocol)
    return `that one begins with ${b.protocol === 'https:' ? 'https' : 'http'}://`
  if (a.host.toLowerCase() !== b.host.toLowerCase()) return 'that one has another host'
  if (a.pathname.toLowerCase() === b.pathname.toLowerCase()) return 'that one has other capitals'
  if (/\/v2\.0$/.test(b.pathname)) return 'that one ends with /v2.0'
  return 'that one has another path'
}

const list = (value: unknown): readonly unknown[] | undefined => (Array.isArray(value) ? value : undefined)

function ofPkce(metadata: Metadata, idp: IdpKind): Diagnosis | undefined {
  const methods = list(metadata['code_challenge_methods_supported'])
  if (methods === undefined) return { code: idp === 'entra' ? 's256_unannounced' : 's256_unknown' }
  return methods.includes('S256') ? undefined : { code: 's256_absent' }
}

function ofClient(metadata: Metadata, { client, authentication }: MetadataTerms): Diagnosis | undefined {
  const methods = list(metadata['token_endpoint_auth_methods_supported'])
  if (client === undefined || authentication === undefined) return undefined
  // RFC 8414 §2: where nothing is said, client_secret_basic is.
  if (methods === undefined || methods.includes(authentication)) return undefined
  return { code: 'client_authentication_unlisted', words: { method: authentication, client } }
}

/** What an issuer's metadata say about what we need of them. Pure. The first one that is wrong, or all that is to be said. */
export function diagnoseMetadata(metadata: Metadata, terms: MetadataTerms): readonly Diagnosis[] {
  const { issuer, field, endpoints } = terms
  const idp = idpKind(metadata)
  const words = { field, idp: idpNames[idp] }
  const said = (it: Diagnosis): Diagnosis => ({ ...it, words: { ...words, ...it.words } })
  if (metadata['issuer'] !== issuer)
    return [said({ code: 'issuer_differs', words: { difference: difference(issuer, metadata['issuer']) } })]
  const absent = endpoints.find((name) => typeof metadata[name] !== 'string')
  if (absent !== undefined) return [said({ code: 'endpoint_absent', words: { endpoint: absent } })]
  const found: Diagnosis[] = [{ code: 'metadata_read' }]
  const client = ofClient(metadata, terms)
  if (client !== undefined) found.push(client)
  // People are sent there.
  if (endpoints.includes('authorization_endpoint')) {
    const pkce = ofPkce(metadata, idp)
    if (pkce !== undefined) found.push(pkce)
    const scopes = list(metadata['scopes_supported'])
    if (scopes !== undefined && !scopes.includes('offline_access'))
      found.push({ code: 'offline_access_absent' })
  }
  return found.map(said)
}
