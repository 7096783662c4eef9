/**
 * An authorization server with metadata, and an API behind it, at a loopback address: authorization code with S256,
 * refresh tokens that are good once (a second use ends the family), RFC 7009, RFC 7591, RFC 9207, RFC 9728, ID tokens.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { unsignedJwt } from '../provider.ts'

export interface OAuthCall {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly form: Readonly<Record<string, string>>
  readonly authorization: string | undefined
  readonly body: string
}

export interface OAuthServer {
  readonly url: string
  /** The issuer: the address, with a path where one was asked for. */
  readonly issuer: string
  readonly calls: OAuthCall[]
  person: string
  /** Members of the metadata in place of the usual ones; `undefined` takes one out. */
  metadata: Record<string, unknown>
  /** The same of the protected resource's metadata. */
  resource: Record<string, unknown>
  /** What the API's challenge says besides its scheme. */
  challenge: string | undefined
  /** Changes what the browser takes back. */
  twist: ((parameters: URLSearchParams) => void) | undefined
  /** Changes a token answer. */
  tamper: ((answer: Record<string, unknown>) => void) | undefined
  instead: ((call: OAuthCall) => { status: number; body: string } | undefined) | undefined
  readonly alive: ReadonlySet<string>
  readonly revoked: string[]
  readonly seen: string[]
  count(path: string): number
}

interface Code {
  readonly person: string
  readonly form: Readonly<Record<string, string>>
}

interface Family {
  readonly person: string
  readonly scope: string
  dead: boolean
}

export const oauthClient = { id: 'sallyport', secret: 'oauth-client-secret-77d0' }

export async function startOAuth(
  options: {
    readonly path?: string
    readonly at?: 'oauth' | 'oidc-inserted' | 'oidc-appended'
    readonly life?: number
  } = {},
): Promise<OAuthServer> {
  const { path = '', at = 'oauth', life = 3600 } = options
  const calls: OAuthCall[] = []
  const codes = new Map<string, Code>()
  const families = new Map<string, Family>()
  const owners = new Map<string, string>()
  const alive = new Set<string>()
  const registered = new Map<string, string | undefined>([[oauthClient.id, oauthClient.secret]])
  const [revoked, seen]: [string[], string[]] = [[], []]
  let serial = 0

  const metadataPath = {
    oauth: `/.well-known/oauth-authorization-server${path}`,
    'oidc-inserted': `/.well-known/openid-configuration${path}`,
    'oidc-appended': `${path}/.well-known/openid-configuration`,
  }[at]

  const issue = (family: Family, nonce: string | undefined, audience: string) => {
    const accessToken = `at-${++serial}-${'a'.repeat(24)}`
    const refreshToken = `rt-${++serial}-${'r'.repeat(24)}`
    alive.add(accessToken)
    owners.set(accessToken, family.person)
    families.set(refreshToken, family)
    const now = Math.floor(Date.now() / 1000)
    const answer: Record<string, unknown> = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: life,
      refresh_token: refreshToken,
      scope: family.scope,
      ...(family.scope.split(' ').includes('openid')
        ? {
            id_token: unsignedJwt({
              iss: oauth.issuer,
              aud: audience,
              sub: `id-of-${family.person}`,
              preferred_username: family.person,
              iat: now,
              exp: now + 300,
              ...(nonce === undefined ? {} : { nonce }),
            }),
          }
        : {}),
    }
    oauth.tamper?.(answer)
    return answer
  }

  const clientOf = ({ authorization, form }: OAuthCall): string | undefined => {
    const [id = '', secret] =
      authorization?.startsWith('Basic ') === true
        ? Buffer.from(authorization.slice(6), 'base64').toString().split(':').map(decodeURIComponent)
        : [form['client_id'], form['client_secret']]
    if (!registered.has(id)) return id.startsWith('https://') ? id : undefined
    return registered.get(id) === secret ? id : undefined
  }

  const token = (call: OAuthCall): [number, object] => {
    const client = clientOf(call)
    const { form } = call
    if (client === undefined) return [401, { error: 'invalid_client' }]
    if (form['grant_type'] === 'refresh_token') {
      const family = families.get(form['refresh_token'] ?? '')
      if (family === undefined || family.dead) return [400, { error: 'invalid_grant' }]
      if (!used.has(form['refresh_token']!)) {
        used.add(form['refresh_token']!)
        return [200, issue(family, undefined, client)]
      }
      family.dead = true
      return [400, { error: 'invalid_grant' }]
    }
    const code = codes.get(form['code'] ?? '')
    codes.delete(form['code'] ?? '')
    const challenge = createHash('sha256')
      .update(form['code_verifier'] ?? '')
      .digest('base64url')
    const good =
      code !== undefined &&
      code.form['client_id'] === client &&
      code.form['redirect_uri'] === form['redirect_uri'] &&
      code.form['code_challenge'] === challenge
    if (!good) return [400, { error: 'invalid_grant' }]
    const family = { person: code.person, scope: code.form['scope'] ?? '', dead: false }
    return [200, issue(family, code.form['nonce'], client)]
  }
  const used = new Set<string>()

  const revoke = ({ form }: OAuthCall): void => {
    const gone = form['token'] ?? ''
    revoked.push(gone)
    alive.delete(gone)
    const family = families.get(gone)
    if (family !== undefined) family.dead = true
  }

  const register = ({ body }: OAuthCall): object => {
    const asked = JSON.parse(body) as Record<string, unknown>
    const id = `registered-${++serial}`
    const secret = asked['token_endpoint_auth_method'] === 'none' ? undefined : `secret-of-${id}`
    registered.set(id, secret)
    return {
      ...asked,
      client_id: id,
      ...(secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    }
  }

  const page = (query: Readonly<Record<string, string>>) =>
    `<!doctype html><h1>Agree</h1><p>You are ${oauth.person}</p><form method="post" action="${path}/authorize">${Object.entries(
      query,
    )
      .map(([name, value]) => `<input type="hidden" name="${name}" value="${encodeURIComponent(value)}">`)
      .join('')}<button name="agree" value="yes">Agree</button></form>`

  const agreed = ({ form }: OAuthCall): string => {
    const asked = Object.fromEntries(
      Object.entries(form).map(([name, value]) => [name, decodeURIComponent(value)]),
    )
    const code = `code-${++serial}`
    codes.set(code, { person: oauth.person, form: asked })
    const back = new URL(asked['redirect_uri'] ?? '')
    back.searchParams.set('code', code)
    back.searchParams.set('state', asked['state'] ?? '')
    back.searchParams.set('iss', oauth.issuer)
    oauth.twist?.(back.searchParams)
    return back.href
  }

  const api = ({ authorization }: OAuthCall, response: ServerResponse): void => {
    const bearer = (authorization ?? '').replace('Bearer ', '')
    if (alive.has(bearer)) {
      seen.push(bearer)
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ login: owners.get(bearer) }))
      return
    }
    const challenge = oauth.challenge === undefined ? 'Bearer' : `Bearer ${oauth.challenge}`
    response.writeHead(401, { 'www-authenticate': challenge }).end()
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://as.test')
    const body = await text(request)
    const isForm = request.headers['content-type']?.includes('urlencoded') === true
    const call: OAuthCall = {
      method: request.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      form: isForm ? Object.fromEntries(new URLSearchParams(body)) : {},
      authorization: request.headers.authorization,
      body,
    }
    calls.push(call)
    const json = (status: number, value: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    const own = oauth.instead?.(call)
    if (own !== undefined)
      response.writeHead(own.status, { 'content-type': 'application/json' }).end(own.body)
    else if (call.path === metadataPath) json(200, metadata())
    else if (call.path.startsWith('/.well-known/oauth-protected-resource')) json(200, protectedResource())
    else if (call.path === `${path}/authorize` && call.method === 'GET')
      response.writeHead(200, { 'content-type': 'text/html' }).end(page(call.query))
    else if (call.path === `${path}/authorize`) response.writeHead(302, { location: agreed(call) }).end()
    else if (call.path === `${path}/token`) json(...token(call))
    else if (call.path === `${path}/register`) json(201, register(call))
    else if (call.path === `${path}/revoke`) {
      revoke(call)
      response.writeHead(200).end()
    } else if (call.path.startsWith('/api')) api(call, response)
    else response.writeHead(404).end()
  }

  const metadata = () => ({
    issuer: oauth.issuer,
    authorization_endpoint: `${oauth.issuer}/authorize`,
    token_endpoint: `${oauth.issuer}/token`,
    revocation_endpoint: `${oauth.issuer}/revoke`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    ...oauth.metadata,
  })

  const protectedResource = () => ({
    resource: `${oauth.url}/api`,
    authorization_servers: [oauth.issuer],
    ...oauth.resource,
  })

  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close().closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const oauth: OAuthServer = {
    url,
    issuer: url + path,
    calls,
    person: 'ann',
    metadata: {},
    resource: {},
    challenge: undefined,
    twist: undefined,
    tamper: undefined,
    instead: undefined,
    alive,
    revoked,
    seen,
    count: (wanted) => calls.filter((call) => call.path === wanted).length,
  }
  return oauth
}
