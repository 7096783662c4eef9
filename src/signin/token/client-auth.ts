import {
  basicCredentials,
  claimedClient,
  type FormRequest,
  type IssuerKeys,
  keysAt,
  localKeys,
  type Proof,
  proofOf,
  singleHeader,
  verifyClientAssertion,
} from '../../identity/index.ts'
import { SallyportError, Secret } from '../../model/index.ts'
import type { Client } from '../shapes.ts'
import { onlyOnce } from './once.ts'
import type { TokenDeps, TokenOptions } from './options.ts'

/** Which client asks. @throws client_auth_failed, token_ambiguous, what finding it throws */
export type AuthenticateClient = (request: Pick<FormRequest, 'headers' | 'form'>) => Promise<Client>

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** What a request shows of who asks; at most one of `secret` and `assertion`. */
interface Shown {
  readonly id: string
  readonly secret?: string
  readonly assertion?: string
}

type Deps = Pick<TokenDeps, 'clock' | 'random' | 'findClient' | 'tickets' | 'fetch' | 'log'>

/**
 * Clients of the token endpoint: none, client_secret_basic, client_secret_post (RFC 6749 §2.3.1) or private_key_jwt
 * (RFC 7523 §2.2), one way in a request, and the one that the client is registered with. An unknown client is answered
 * like a wrong secret.
 */
export function createClientAuthentication(
  { url, skew }: Pick<TokenOptions, 'url' | 'skew'>,
  deps: Deps,
): AuthenticateClient {
  const nobody = proofOf(new Secret(Buffer.from(deps.random(32)).toString('base64url'), 'no client'))
  const keysOf = createClientKeys(deps)

  const checkAssertion = async (client: Client, assertion: string): Promise<void> => {
    const expected = { client: client.id, audience: url, keys: keysOf(client) }
    try {
      const once = await verifyClientAssertion(assertion, expected, { clock: deps.clock, skew })
      await onlyOnce('client-assertion', once, deps)
    } catch (error) {
      // What cannot be looked up now is no fault of the client's.
      const away = error instanceof SallyportError && error.row.status >= 500
      throw away ? error : new SallyportError('client_auth_failed', {}, error)
    }
  }
  return async (request) => {
    const { id, secret, assertion } = shown(request)
    const client = await deps.findClient(id)
    const { authentication } = client ?? {}
    const proof =
      authentication !== undefined && 'secret' in authentication ? authentication.secret : undefined
    const matches = secret !== undefined && secretProof(proof, nobody).matches(secret)
    if (client === undefined || authentication === undefined) throw failed()
    if (assertion !== undefined) {
      if (authentication.method !== 'private_key_jwt') throw failed()
      await checkAssertion(client, assertion)
    } else if (secret === undefined ? authentication.method !== 'none' : !matches) throw failed()
    return client
  }
}

const failed = (): SallyportError => new SallyportError('client_auth_failed')

/** What is compared with takes the same time whether there is a client or not. */
const secretProof = (secret: Secret | undefined, nobody: Proof): Proof =>
  secret === undefined ? nobody : proofOf(secret)

function shown({ headers, form }: Pick<FormRequest, 'headers' | 'form'>): Shown {
  const authorization = singleHeader(headers['authorization'])
  const secret = form.one('client_secret')
  const assertion = form.one('client_assertion')
  const ways = [authorization, secret, assertion].filter((way) => way !== undefined)
  if (ways.length > 1) throw new SallyportError('token_ambiguous')
  const named = form.one('client_id')
  const one = (id: string | undefined, more: Omit<Shown, 'id'>): Shown => {
    if (id === undefined || (named !== undefined && named !== id)) throw failed()
    return { id, ...more }
  }
  if (authorization !== undefined) {
    const [id, basic] = basicCredentials(authorization)
    return one(id, { secret: basic })
  }
  if (assertion === undefined) return one(named, secret === undefined ? {} : { secret })
  if (form.one('client_assertion_type') !== assertionType) throw failed()
  return one(claimed(assertion), { assertion })
}

function claimed(assertion: string): string | undefined {
  try {
    return claimedClient(assertion)
  } catch (error) {
    throw new SallyportError('client_auth_failed', {}, error)
  }
}

/** More key sets at addresses than this are not remembered; the one that was made first is read again. */
const mostKeySets = 1_000

/** The public keys of clients, where they have any. */
function createClientKeys(deps: Pick<Deps, 'fetch' | 'clock' | 'log'>): (client: Client) => IssuerKeys {
  const known = new Map<string, IssuerKeys>()
  const at = (uri: string): IssuerKeys => {
    const present = known.get(uri)
    if (present !== undefined) return present
    const [oldest] = known.keys()
    if (known.size >= mostKeySets && oldest !== undefined) known.delete(oldest)
    const keys = keysAt(uri, deps)
    known.set(uri, keys)
    return keys
  }
  return ({ authentication }) => {
    const jwks = authentication.method === 'private_key_jwt' ? authentication.jwks : { keys: [] }
    return typeof jwks === 'string' ? at(jwks) : localKeys(() => jwks)
  }
}
