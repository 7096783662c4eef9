import { isJsonObject, type JsonObject, parseStrictJson, SallyportError } from '../../model/index.ts'
import { isRedirect } from './redirects.ts'

const mostRedirects = 20
/** All redirect URIs of a client together, in characters: some of them go through cookies and URLs. */
const allRedirects = 1_000
const longestName = 100

const refused = (hint: string, cause?: unknown): SallyportError =>
  new SallyportError('client_metadata_refused', { hint }, cause)

/** Client metadata as JSON (RFC 7591 §2). @throws client_metadata_refused */
export function readMetadata(text: string): JsonObject {
  try {
    const value = parseStrictJson(text)
    if (isJsonObject(value)) return value
  } catch (error) {
    throw refused('It is not JSON.', error)
  }
  throw refused('It is no JSON object.')
}

/** @throws redirect_refused, client_metadata_refused */
export function readRedirects({ redirect_uris: listed }: JsonObject): readonly string[] {
  if (!Array.isArray(listed) || listed.length === 0 || listed.length > mostRedirects)
    throw refused(`redirect_uris has to be a list of 1 to ${mostRedirects}.`)
  const redirects: string[] = []
  for (const uri of listed as readonly unknown[]) {
    if (typeof uri !== 'string' || !isRedirect(uri)) throw new SallyportError('redirect_refused')
    if (!redirects.includes(uri)) redirects.push(uri)
  }
  if (redirects.join('').length > allRedirects)
    throw refused(`redirect_uris together have more than ${allRedirects} characters.`)
  return redirects
}

/** Of the grant types that it names, those that it may have; both of the code flow where it names none. @throws client_metadata_refused */
export function readGrants(metadata: JsonObject, served: readonly string[]): readonly string[] {
  const { grant_types: listed, response_types: responses } = metadata
  if (responses !== undefined && !(Array.isArray(responses) && responses.includes('code')))
    throw refused('response_types has to hold code.')
  if (listed === undefined) return ['authorization_code', 'refresh_token']
  const grants = Array.isArray(listed) ? served.filter((grant) => listed.includes(grant)) : []
  if (!grants.includes('authorization_code')) throw refused('grant_types has to hold authorization_code.')
  return grants
}

/** What a client says of itself: a name that stands on one line. */
export function readSays({ client_name: name }: JsonObject): { readonly says?: string } {
  if (typeof name !== 'string') return {}
  const says = Array.from(name.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').trim())
    .slice(0, longestName)
    .join('')
  return says === '' ? {} : { says }
}

export { refused as metadataRefused }
