import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { Clock } from '../../src/model/index.ts'

/** What a test may turn while the provider runs. */
export interface IdpKnobs {
  /** Answer everything with this status, as a provider that is down behind its proxy does. */
  status: number | undefined
  /** Break every connection without an answer. */
  hangUp: boolean
  /** What the metadata says the issuer is; the issuer itself where undefined. */
  documentIssuer: string | undefined
  /** What the metadata says of the keys' place. */
  jwksUri: string | undefined
  /** The well-known forms that are served. */
  forms: readonly ('oidc' | 'rfc8414')[]
  /** Published besides the provider's own keys. */
  extraKeys: readonly JWK[]
  /** Further members of the metadata, or others in their place. */
  metadata: Record<string, unknown>
  /** What the token endpoint answers to a form; there is none where undefined. */
  grant: ((form: Readonly<Record<string, string>>) => Promise<object> | object) | undefined
  /** Answer a request in the provider's stead; says whether it did. */
  instead: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined
}

export interface Idp {
  readonly issuer: string
  readonly knobs: IdpKnobs
  /** Paths that were asked for, in order. */
  readonly requests: string[]
  readonly keyFetches: number
  readonly publicKey: JWK
  /** An access token as RFC 9068 has it; claims and header members given as undefined are left out. */
  token(claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
  /** Sign with a fresh key under a new `kid`; the former one stays published. */
  rotate(): Promise<void>
  close(): Promise<void>
}

export interface IdpOptions {
  readonly clock: Clock
  readonly algorithm?: 'RS256' | 'PS256' | 'ES256' | 'EdDSA'
  readonly path?: string
  readonly kid?: string
}

interface SigningPair {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

/** An OpenID provider on loopback: metadata and keys over HTTP, tokens by function. */
export async function startIdp(options: IdpOptions): Promise<Idp> {
  const { clock, algorithm = 'RS256', path = '/realms/acme', kid = 'idp-1' } = options
  const knobs: IdpKnobs = {
    status: undefined,
    hangUp: false,
    documentIssuer: undefined,
    jwksUri: undefined,
    forms: ['oidc', 'rfc8414'],
    extraKeys: [],
    metadata: {},
    grant: undefined,
    instead: undefined,
  }
  let current = await makePair(algorithm, kid)
  const pairs = [current]
  const requests: string[] = []
  let issuer = ''
  let jti = 0

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const asked = request.url ?? ''
    requests.push(asked)
    if (knobs.hangUp) {
      request.socket.destroy()
      return
    }
    if (knobs.instead?.(request, response) === true) return
    if (asked === `${path}/token` && knobs.grant !== undefined) {
      void answerForm(request, response, knobs.grant)
      return
    }
    const document = knobs.status === undefined ? documentAt(asked) : undefined
    response.statusCode = knobs.status ?? (document === undefined ? 404 : 200)
    response.setHeader('content-type', 'application/json')
    response.setHeader('connection', 'close')
    response.end(JSON.stringify(document ?? { error: 'none' }))
  }
  const documentAt = (asked: string): object | undefined => {
    if (asked === `${path}/keys`) return { keys: [...pairs.map(({ jwk }) => jwk), ...knobs.extraKeys] }
    const oidc = asked === `${path}/.well-known/openid-configuration` && knobs.forms.includes('oidc')
    const rfc8414 =
      asked === `/.well-known/oauth-authorization-server${path}` && knobs.forms.includes('rfc8414')
    if (!oidc && !rfc8414) return undefined
    return {
      issuer: knobs.documentIssuer ?? issuer,
      jwks_uri: knobs.jwksUri ?? `${issuer}/keys`,
      token_endpoint: `${issuer}/token`,
      ...knobs.metadata,
    }
  }
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`

  return {
    issuer,
    knobs,
    requests,
    get keyFetches() {
      return requests.filter((asked) => asked === `${path}/keys`).length
    },
    get publicKey() {
      return current.jwk
    },
    async token(claims = {}, header = {}) {
      const now = clock.now()
      jti += 1
      const payload = {
        iss: issuer,
        sub: 'alice',
        aud: 'https://crm.example',
        client_id: 'mcp-client',
        iat: now,
        exp: now + 300,
        jti: `jti-${jti}`,
        scope: 'orders.read profile',
        groups: ['crm-users'],
        ...claims,
      }
      return new CompactSign(Buffer.from(JSON.stringify(payload)))
        .setProtectedHeader(
          JSON.parse(JSON.stringify({ alg: algorithm, kid: current.kid, typ: 'at+jwt', ...header })),
        )
        .sign(current.privateKey)
    },
    async rotate() {
      current = await makePair(algorithm, `idp-${pairs.length + 1}`)
      pairs.push(current)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answerForm(
  request: IncomingMessage,
  response: ServerResponse,
  grant: NonNullable<IdpKnobs['grant']>,
): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const answer = await grant(Object.fromEntries(new URLSearchParams(body)))
  response.writeHead(200, { 'content-type': 'application/json', connection: 'close' })
  response.end(JSON.stringify(answer))
}

async function makePair(algorithm: string, kid: string): Promise<SigningPair> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' } }
}
