import { SallyportError, type Server } from '../model/index.ts'
import { type Proof, proofOf } from './capability.ts'
import type { Form } from './form.ts'

/** The header in which a server shows what stands in its capability file. */
const capabilityHeader = 'sallyport-capability'

/** Every value of every header, by lower-case name; `IncomingMessage.headersDistinct`. */
export type DistinctHeaders = Readonly<Record<string, readonly string[] | undefined>>

/** Which server calls. @throws client_auth_failed, token_ambiguous */
export type Authenticate = (headers: DistinctHeaders, form: Form) => Server

interface Registered {
  readonly server: Server
  readonly capability: Proof | undefined
  readonly client: { readonly id: string; readonly secret: Proof } | undefined
}

const failed = (): SallyportError => new SallyportError('client_auth_failed')

/**
 * Callers of the token face: by capability file, or by client_secret_basic or client_secret_post (RFC 6749 §2.3.1).
 * Exactly one way in a request. Every server is compared with, whether one has matched or not, and an unknown client
 * is answered like a wrong secret.
 */
export function createAuthenticate(
  servers: readonly Server[],
  capabilities: ReadonlyMap<string, Proof>,
): Authenticate {
  const registered: readonly Registered[] = servers.map((server) => ({
    server,
    capability: capabilities.get(server.name),
    client: server.client && { id: server.client.id, secret: proofOf(server.client.secret) },
  }))
  const byCapability = (presented: string): Server => {
    const matching = registered.filter(({ capability }) => capability?.matches(presented) === true)
    return one(matching)
  }
  const bySecret = (id: string, secret: string): Server => {
    const matching = registered.filter(({ client }) => {
      const matches = client?.secret.matches(secret) === true
      return matches && client.id === id
    })
    return one(matching)
  }
  return (headers, form) => {
    const capability = singleHeader(headers[capabilityHeader])
    const authorization = singleHeader(headers['authorization'])
    const id = form.one('client_id')
    const secret = form.one('client_secret')
    const ways = [capability, authorization, secret].filter((way) => way !== undefined)
    if (ways.length > 1) throw new SallyportError('token_ambiguous')
    const server = authenticate()
    if (id !== undefined && id !== server.client?.id) throw failed()
    return server

    function authenticate(): Server {
      if (capability !== undefined) return byCapability(capability)
      if (authorization !== undefined) return bySecret(...basicCredentials(authorization))
      if (secret !== undefined && id !== undefined) return bySecret(id, secret)
      throw failed()
    }
  }
}

function one(matching: readonly Registered[]): Server {
  const [first] = matching
  if (first === undefined || matching.length > 1) throw failed()
  return first.server
}

/** A header that comes twice names two callers: none is picked. @throws token_ambiguous */
export function singleHeader(values: readonly string[] | undefined): string | undefined {
  if (values !== undefined && values.length > 1) throw new SallyportError('token_ambiguous')
  return values?.[0]
}

const credentials = /^basic ([A-Za-z0-9+/]+={0,2})$/i
const maxCredentials = 2_048

/** Id and secret by RFC 7617, with both halves form-encoded first (RFC 6749 §2.3.1). @throws client_auth_failed */
export function basicCredentials(authorization: string): readonly [string, string] {
  const encoded = credentials.exec(authorization)?.[1]
  if (encoded === undefined || authorization.length > maxCredentials) throw failed()
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1) throw failed()
  try {
    return [decode(text.slice(0, colon)), decode(text.slice(colon + 1))]
  } catch (error) {
    throw new SallyportError('client_auth_failed', {}, error)
  }
}

const decode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))
