/**
 * An MCP endpoint that is a protected resource (RFC 9728), and authorization servers that take clients which they have
 * not met before (RFC 7591, or by metadata document), on loopback. What they say of themselves a test may change.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

type Json = Record<string, unknown>
type Form = Readonly<Record<string, string>>
type Respond = (request: IncomingMessage, response: ServerResponse, body: string) => void

async function listen(respond: () => Respond): Promise<string> {
  const server = createServer((request, response) => {
    void text(request).then((body) => respond()(request, response, body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close().closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function json(
  response: ServerResponse,
  status: number,
  body: Json,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

export interface AuthorizationServer {
  readonly issuer: string
  /** Laid over what it would say of itself; `undefined` takes a member out. */
  metadata: Json
  /** Parameters of its answer, as the browser takes them back. */
  twist: (parameters: URLSearchParams) => void
  /** Whether it gives refresh tokens, which are good once. */
  refreshes: boolean
  readonly registered: Json[]
  readonly authorized: Form[]
  /** Token requests, with the client that showed itself. */
  readonly tokens: (Form & { readonly client: string })[]
  /** Scopes of the access tokens that it gave. */
  readonly given: ReadonlyMap<string, readonly string[]>
}

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const codes = new Map<string, Form>()
  const refresh = new Map<string, readonly string[]>()
  const given = new Map<string, readonly string[]>()
  let serial = 0
  let own: Respond = () => undefined
  const issuer = await listen(() => own)
  const it: AuthorizationServer = {
    ...{ issuer, metadata: {}, refreshes: false, registered: [], authorized: [], tokens: [], given },
    twist: () => undefined,
  }
  const name = (what: string) => `${what}-${new URL(issuer).port}-${++serial}-${'x'.repeat(20)}`

  const describe = (): Json => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    ...it.metadata,
  })

  const grant = (form: Form): readonly string[] | undefined => {
    if (form['grant_type'] === 'refresh_token') {
      const scopes = refresh.get(form['refresh_token'] ?? '')
      refresh.delete(form['refresh_token'] ?? '')
      return scopes
    }
    const code = codes.get(form['code'] ?? '')
    codes.delete(form['code'] ?? '')
    const challenge = createHash('sha256')
      .update(form['code_verifier'] ?? '')
      .digest('base64url')
    return code?.['code_challenge'] === challenge ? (code['scope'] ?? '').split(' ') : undefined
  }

  own = (request, response, body) => {
    const url = new URL(request.url ?? '', issuer)
    if (url.pathname === '/.well-known/oauth-authorization-server') json(response, 200, describe())
    else if (url.pathname === '/register') {
      const asked = JSON.parse(body) as Json
      it.registered.push(asked)
      json(response, 201, { ...asked, client_id: name('client'), client_secret: name('secret') })
    } else if (url.pathname === '/authorize') {
      const form = Object.fromEntries(url.searchParams)
      it.authorized.push(form)
      const code = name('code')
      codes.set(code, form)
      const back = new URL(form['redirect_uri'] ?? '')
      back.search = new URLSearchParams({ code, state: form['state'] ?? '', iss: issuer }).toString()
      it.twist(back.searchParams)
      response.writeHead(302, { location: back.href }).end()
    } else if (url.pathname === '/token') {
      const form = Object.fromEntries(new URLSearchParams(body))
      const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
      const [client = ''] = Buffer.from(basic, 'base64').toString().split(':')
      it.tokens.push({ ...form, client: decodeURIComponent(client) })
      const scopes = grant(form)
      if (scopes === undefined) {
        json(response, 400, { error: 'invalid_grant' })
        return
      }
      const [at, rt] = [name('token'), name('refresh')]
      given.set(at, scopes)
      if (it.refreshes) refresh.set(rt, scopes)
      const more = it.refreshes ? { refresh_token: rt } : {}
      json(response, 200, { access_token: at, token_type: 'Bearer', expires_in: 3600, ...more })
    } else json(response, 404, {})
  }
  return it
}

export interface McpResource {
  /** The endpoint. */
  readonly url: string
  readonly origin: string
  server: AuthorizationServer
  /** Where its metadata lies. */
  metadataAt: string
  /** Laid over its metadata. */
  metadata: Json
  /** Whether its challenge says where its metadata lies. */
  saysWhere: boolean
  /** The scopes in the challenge of a request without a token. */
  challenged: string | undefined
  /** The scopes that a request needs; one with fewer is told those. */
  needs: string
  /** Tokens that it takes, as far as `server` gave them. */
  takes: (token: string) => boolean
  /** Requests to the endpoint: method, and token where there was one. */
  readonly asked: { readonly method: string; readonly token: string | undefined; readonly body: string }[]
  /** What was asked for below `/.well-known/`, in order. */
  readonly lookedAt: string[]
}

export async function startMcpResource(server: AuthorizationServer): Promise<McpResource> {
  let own: Respond = () => undefined
  const origin = await listen(() => own)
  const it: McpResource = {
    ...{
      url: `${origin}/mcp`,
      origin,
      server,
      metadata: {},
      saysWhere: true,
      challenged: undefined,
      needs: '',
    },
    metadataAt: '/.well-known/oauth-protected-resource/mcp',
    takes: () => true,
    ...{ asked: [], lookedAt: [] },
  }
  const challenge = (scope: string | undefined, error?: string) => {
    const said = { scope, error, resource_metadata: it.saysWhere ? origin + it.metadataAt : undefined }
    const parts = Object.entries(said).map(([name, value]) =>
      value === undefined ? [] : [`${name}="${value}"`],
    )
    return { 'www-authenticate': `Bearer ${parts.flat().join(', ')}` }
  }
  own = (request, response, body) => {
    const { pathname } = new URL(request.url ?? '', origin)
    if (!/^\/mcp(?:\/|$)/.test(pathname)) {
      it.lookedAt.push(pathname)
      if (pathname !== it.metadataAt) json(response, 404, {})
      else
        json(response, 200, { resource: it.url, authorization_servers: [it.server.issuer], ...it.metadata })
      return
    }
    const { method = '' } = request
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    it.asked.push({ method, token, body })
    const scopes = it.takes(token ?? '') ? it.server.given.get(token ?? '') : undefined
    if (method === 'GET' && token === undefined) json(response, 405, {})
    else if (scopes === undefined) json(response, 401, {}, challenge(it.challenged))
    else if (it.needs !== '' && !it.needs.split(' ').every((scope) => scopes.includes(scope)))
      json(response, 403, {}, challenge(it.needs, 'insufficient_scope'))
    else json(response, 200, { scopes })
  }
  return it
}
