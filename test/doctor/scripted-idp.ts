/** An IdP on loopback whose metadata and answers a test writes down word by word. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { unsignedJwt } from '../kit/provider.ts'

type Form = Readonly<Record<string, string>>
export interface Answer {
  readonly status: number
  readonly body: object | string
  readonly location?: string
}

export interface Scripted {
  readonly issuer: string
}

export interface Script {
  readonly shape: 'keycloak' | 'entra' | 'okta' | 'okta-org' | 'auth0' | 'other'
  readonly token?: (form: Form, issuer: string) => Answer
  readonly authorize?: (query: Form) => Answer
  readonly metadata?: (metadata: Record<string, unknown>) => object | string
  /** Of every answer; `false` for none. */
  readonly date?: string | false
  readonly status?: number
}

/** Where each of them has its endpoints, below the issuer's origin. */
const places = {
  keycloak: ['/realms/acme', '/realms/acme/protocol/openid-connect/token', {}],
  entra: [
    '/11111111-2222-3333-4444-555555555555/v2.0',
    '/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token',
    { tenant_region_scope: 'EU' },
  ],
  okta: ['/oauth2/aus1', '/oauth2/aus1/v1/token', {}],
  'okta-org': ['', '/oauth2/v1/token', {}],
  auth0: ['/', '/oauth/token', { mfa_challenge_endpoint: 'https://x.example/mfa/challenge' }],
  other: ['/idp', '/idp/token', {}],
} as const

export const refusal = (error: string, description = '', more: object = {}, status = 400): Answer => ({
  status,
  body: { error, error_description: description, ...more },
})

export const token = (claims: Record<string, unknown>, more: object = {}): Answer => ({
  status: 200,
  body: {
    access_token: unsignedJwt({
      iat: Math.floor(Date.now() / 1000),
      exp: Math.floor(Date.now() / 1000) + 300,
      ...claims,
    }),
    token_type: 'Bearer',
    expires_in: 300,
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    ...more,
  },
})

/** A client that is taken, and has no token of its own. */
const plain: NonNullable<Script['token']> = ({ grant_type: grant }) =>
  grant === 'authorization_code'
    ? refusal('invalid_grant', 'the code is not known')
    : refusal('unauthorized_client', 'not for this client')

/** Back to the client with an error. */
export const sentBack = ({ redirect_uri: redirect = '', state = '' }: Form, error: string): Answer => ({
  status: 302,
  body: '',
  location: `${redirect}?${new URLSearchParams({ error, state }).toString()}`,
})

async function bodyOf(request: IncomingMessage): Promise<Form> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return Object.fromEntries(new URLSearchParams(text))
}

export async function startScripted(script: Script): Promise<Scripted> {
  const [path, tokenPath, more] = places[script.shape]
  const server = createServer((request, response) => {
    const send = ({ status, body, location }: Answer): void => {
      response.sendDate = script.date === undefined
      if (typeof script.date === 'string') response.setHeader('date', script.date)
      if (location !== undefined) response.setHeader('location', location)
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      response.writeHead(status, { 'content-type': 'application/json' }).end(text)
    }
    answer(request).then(send, () => response.destroy())
  })
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const url = new URL(request.url ?? '', origin)
    if (script.status !== undefined) return { status: script.status, body: '' }
    if (url.pathname === tokenPath) {
      const form = await bodyOf(request)
      return (script.token ?? plain)(form, issuer)
    }
    if (url.pathname === '/authorize') {
      const query = Object.fromEntries(url.searchParams)
      return (script.authorize ?? ((it) => sentBack(it, 'login_required')))(query)
    }
    const asked = `${path.replace(/\/$/, '')}/.well-known/openid-configuration`
    if (url.pathname !== asked) return { status: 404, body: '' }
    const metadata = {
      issuer,
      token_endpoint: `${origin}${tokenPath}`,
      authorization_endpoint: `${origin}/authorize`,
      jwks_uri: `${origin}/keys`,
      scopes_supported: ['openid', 'profile', 'offline_access'],
      ...(script.shape === 'entra' ? {} : { code_challenge_methods_supported: ['S256'] }),
      ...more,
    }
    return { status: 200, body: script.metadata?.(metadata) ?? metadata }
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer = `${origin}${path}`
  return { issuer }
}
