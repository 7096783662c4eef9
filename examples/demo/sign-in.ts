/** A person at a browser, played by a few requests: authorization code with PKCE (RFC 7636) and a resource (RFC 8707). */
import { createHash, randomBytes } from 'node:crypto'

export async function signIn(input: {
  readonly issuer: string
  readonly person: string
  readonly resource: string
}): Promise<string> {
  const verifier = randomBytes(32).toString('base64url')
  const redirectUri = 'http://127.0.0.1/callback'
  const cookies = new Map<string, string>()
  const start = new URL(`${input.issuer}/auth`)
  start.search = new URLSearchParams({
    client_id: 'chat',
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid mcp',
    resource: input.resource,
    state: randomBytes(8).toString('hex'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString()

  let next: URL = start
  for (let hop = 0; hop < 12 && !next.href.startsWith(redirectUri); hop += 1) {
    const response = await fetch(next, {
      redirect: 'manual',
      headers: {
        'x-demo-person': input.person,
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      },
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=')
      cookies.set(name, value)
    }
    const location = response.headers.get('location')
    if (location === null) throw new Error(`the sign-in stopped with status ${response.status}`)
    next = new URL(location, next)
  }
  const answer = await fetch(`${input.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'chat',
      code: next.searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
      code_verifier: verifier,
      resource: input.resource,
    }),
  })
  const { access_token: token } = (await answer.json()) as { access_token?: string }
  if (token === undefined) throw new Error(`the sign-in gave no token (status ${answer.status})`)
  return token
}
