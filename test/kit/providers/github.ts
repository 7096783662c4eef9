/**
 * GitHub as its documents describe it, at a loopback address: the web application flow for OAuth apps and GitHub Apps,
 * errors in the body of a 200, refresh tokens that are good once and take their access token with them, `GET /user`, and
 * the calls that delete a token or a whole authorization.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface GitHubCall {
  readonly method: string
  readonly path: string
  readonly form: Readonly<Record<string, string>>
  readonly authorization: string | undefined
  readonly json: Readonly<Record<string, unknown>>
}

export interface GitHub {
  readonly url: string
  readonly calls: GitHubCall[]
  /** Who is signed in there. */
  login: string
  /** What the token endpoint does in place of what it should; `undefined` does that. */
  instead: ((call: GitHubCall) => { status: number; body: string } | undefined) | undefined
  /** Parameters of the answer to the authorization request, as the browser takes them back. */
  twist: ((parameters: URLSearchParams) => void) | undefined
  /** Access tokens that work. */
  readonly alive: ReadonlySet<string>
  count(path: string): number
  /** Everybody who was let in: the token that the API saw. */
  readonly seen: string[]
}

interface Code {
  readonly login: string
  readonly redirect: string
  readonly challenge: string | undefined
  readonly scope: string
}

export const client = { id: 'Iv1.a629723bfdc2d4a3', secret: 'github-client-secret-5f1d' }

/** `app`: access tokens of 8 hours with a refresh token, as GitHub Apps have them; else one without end. */
export async function startGitHub(
  options: { readonly app?: boolean; readonly life?: number } = {},
): Promise<GitHub> {
  const calls: GitHubCall[] = []
  const codes = new Map<string, Code>()
  const owners = new Map<string, string>()
  const refreshTokens = new Map<string, { login: string; at: string; scope: string }>()
  const alive = new Set<string>()
  const seen: string[] = []
  let serial = 0

  const issue = (login: string, scope: string) => {
    const at = `gho_${++serial}${'x'.repeat(30)}`
    alive.add(at)
    owners.set(at, login)
    if (options.app !== true) return { access_token: at, token_type: 'bearer', scope }
    const rt = `ghr_${++serial}${'y'.repeat(40)}`
    refreshTokens.set(rt, { login, at, scope })
    return {
      access_token: at,
      token_type: 'bearer',
      scope: '',
      expires_in: options.life ?? 28_800,
      refresh_token: rt,
      refresh_token_expires_in: 15_897_600,
    }
  }

  const token = ({ form }: GitHubCall): object => {
    if (form['client_id'] !== client.id || form['client_secret'] !== client.secret)
      return {
        error: 'incorrect_client_credentials',
        error_description: 'The client_id and/or client_secret passed are incorrect.',
      }
    if (form['grant_type'] === 'refresh_token') {
      const known = refreshTokens.get(form['refresh_token'] ?? '')
      if (known === undefined)
        return {
          error: 'bad_refresh_token',
          error_description: 'The refresh token passed is incorrect or expired.',
        }
      refreshTokens.delete(form['refresh_token']!)
      alive.delete(known.at)
      return issue(known.login, known.scope)
    }
    const code = codes.get(form['code'] ?? '')
    codes.delete(form['code'] ?? '')
    const verifier = createHash('sha256')
      .update(form['code_verifier'] ?? '')
      .digest('base64url')
    if (code === undefined || (code.challenge !== undefined && code.challenge !== verifier))
      return { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' }
    if (form['redirect_uri'] !== code.redirect)
      return {
        error: 'redirect_uri_mismatch',
        error_description: 'The redirect_uri MUST match the registered callback URL for this application.',
      }
    return issue(code.login, code.scope)
  }

  const authorizePage = (query: URLSearchParams) => {
    const hidden = [...query].map(
      ([name, value]) => `<input type="hidden" name="${name}" value="${encodeURIComponent(value)}">`,
    )
    return `<!doctype html><h1>Authorize</h1><p>Signed in as ${github.login}</p><form method="post" action="/login/oauth/authorize">${hidden.join('')}<button name="authorize" value="1">Authorize</button></form>`
  }

  const agree = (form: Readonly<Record<string, string>>): string => {
    const of = (name: string) => decodeURIComponent(form[name] ?? '')
    const back = new URL(of('redirect_uri'))
    if (form['authorize'] !== '1') back.searchParams.set('error', 'access_denied')
    else {
      const code = `code-${++serial}`
      const challenge = of('code_challenge') === '' ? undefined : of('code_challenge')
      codes.set(code, { login: github.login, redirect: of('redirect_uri'), challenge, scope: of('scope') })
      back.searchParams.set('code', code)
    }
    back.searchParams.set('state', of('state'))
    github.twist?.(back.searchParams)
    return back.href
  }

  const bearer = ({ authorization = '' }: GitHubCall) => authorization.replace(/^(?:Bearer|token) /, '')
  const isUs = ({ authorization }: GitHubCall) =>
    authorization === `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`

  function api(call: GitHubCall, response: ServerResponse): void {
    const json = (status: number, body?: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body))
    if (call.path === '/api/v3/user' || call.path.startsWith('/api/v3/repos')) {
      const login = alive.has(bearer(call)) ? owners.get(bearer(call)) : undefined
      if (login === undefined) return void json(401, { message: 'Bad credentials' })
      seen.push(bearer(call))
      return void json(200, { login, id: 1000 + login.length, name: login })
    }
    const deletes = /^\/api\/v3\/applications\/([^/]+)\/(token|grant)$/.exec(call.path)
    if (call.method !== 'DELETE' || deletes === null) return void json(404, { message: 'Not Found' })
    if (!isUs(call)) return void json(401, { message: 'Bad credentials' })
    const gone = String(call.json['access_token'])
    if (!alive.has(gone)) return void json(422, { message: 'Validation Failed' })
    const login = owners.get(gone)
    alive.delete(gone)
    if (deletes[2] === 'grant') {
      for (const at of alive) if (owners.get(at) === login) alive.delete(at)
      for (const [rt, known] of refreshTokens) if (known.login === login) refreshTokens.delete(rt)
    }
    return void json(204)
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://github.test')
    const body = await text(request)
    const type = request.headers['content-type'] ?? ''
    const call: GitHubCall = {
      method: request.method ?? '',
      path: url.pathname,
      form: type.includes('urlencoded') ? Object.fromEntries(new URLSearchParams(body)) : {},
      json: type.includes('json') ? JSON.parse(body) : {},
      authorization: request.headers.authorization,
    }
    calls.push(call)
    const own = github.instead?.(call)
    if (own !== undefined)
      response.writeHead(own.status, { 'content-type': 'application/json' }).end(own.body)
    else if (call.path === '/login/oauth/access_token')
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token(call)))
    else if (call.path !== '/login/oauth/authorize') api(call, response)
    else if (call.method === 'GET')
      response.writeHead(200, { 'content-type': 'text/html' }).end(authorizePage(url.searchParams))
    else response.writeHead(302, { location: agree(call.form) }).end()
  }

  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close().closeAllConnections()
  })
  const github: GitHub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    login: 'octo-alice',
    instead: undefined,
    twist: undefined,
    alive,
    seen,
    count: (path) => calls.filter((call) => call.path === path).length,
  }
  return github
}
