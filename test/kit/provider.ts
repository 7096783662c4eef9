import type { Clock, GuardedFetch } from '../../src/model/index.ts'

/** One request that reached the authorization server. */
export interface ProviderCall {
  readonly endpoint: 'token' | 'revoke'
  readonly form: Readonly<Record<string, string>>
  readonly client: string
  readonly headers: Headers
}

/** What an answer is made of, before it is sent; a test may change any part of it. */
export interface Draft {
  body: Record<string, unknown>
  /** Claims of the access token; undefined makes it opaque. */
  claims: Record<string, unknown> | undefined
}

/** What a test may turn while the provider runs. */
export interface ProviderKnobs {
  /** Change an answer that is otherwise right. */
  tamper: ((draft: Draft, call: ProviderCall) => void) | undefined
  /** Answer in the provider's stead; undefined: answer as usual. */
  respond: ((call: ProviderCall) => Response | undefined | Promise<Response | undefined>) | undefined
  /** Do the work and lose the answer, this many times. */
  lose: number
  /** Further audiences that a refresh adds, as Keycloak's does. */
  broadRefresh: readonly string[]
  /** A used refresh token works again this many times before its family is revoked. */
  leeway: number
  metadata: Record<string, unknown>
}

export interface Provider {
  readonly issuer: string
  readonly fetch: GuardedFetch
  readonly knobs: ProviderKnobs
  readonly calls: ProviderCall[]
  readonly discoveries: number
  /** A subject token of this provider. */
  subject(claims?: Record<string, unknown>): string
  /** What a sign-in of a person gave: an access token, and a refresh token of its own family. */
  login(claims?: Record<string, unknown>): { readonly accessToken: string; readonly refreshToken: string }
  /** Refresh tokens that still work. */
  readonly alive: ReadonlySet<string>
  readonly revoked: string[]
  count(grantType: string): number
}

interface Family {
  readonly claims: Record<string, unknown>
  readonly used: Map<string, number>
  dead: boolean
}

const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A JWT whose signature nobody in the exchange looks at. */
export function unsignedJwt(claims: Record<string, unknown>): string {
  return `${b64({ alg: 'RS256', typ: 'at+jwt' })}.${b64(claims)}.c2lnbmF0dXJl`
}

export function oauthError(
  error: string,
  status = 400,
  more: Record<string, unknown> = {},
  headers = {},
): Response {
  return Response.json({ error, ...more }, { status, headers })
}

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const uri = 'urn:ietf:params:oauth:token-type:'

/**
 * An authorization server in this process, reached through `fetch`: RFC 8693 exchange, client credentials, refresh
 * with strict rotation (a used token revokes its family), RFC 7009 revocation. It behaves like Keycloak where it can.
 */
export function fakeProvider(clock: Clock, issuer = 'https://idp.example/realms/acme'): Provider {
  const calls: ProviderCall[] = []
  const families = new Map<string, Family>()
  const alive = new Set<string>()
  const revoked: string[] = []
  let discoveries = 0
  let serial = 0
  const knobs: ProviderKnobs = {
    tamper: undefined,
    respond: undefined,
    lose: 0,
    broadRefresh: [],
    leeway: 0,
    metadata: {},
  }

  const stamp = (): Record<string, unknown> => ({
    iss: issuer,
    iat: clock.now(),
    exp: clock.now() + 300,
    jti: `t${++serial}`,
  })
  const subject = (claims: Record<string, unknown> = {}): string =>
    unsignedJwt({
      ...stamp(),
      sub: 'alice',
      aud: 'sallyport',
      azp: 'chat',
      scope: 'openid profile',
      ...claims,
    })

  function refreshTokenOf(family: Family): string {
    const token = `rt-${++serial}-${'x'.repeat(24)}`
    families.set(token, family)
    alive.add(token)
    return token
  }

  function kill(family: Family): void {
    family.dead = true
    for (const token of alive) if (families.get(token) === family) alive.delete(token)
  }

  function draft(claims: Record<string, unknown>, more: Record<string, unknown> = {}): Draft {
    const all = { ...stamp(), ...claims }
    return { claims: all, body: { token_type: 'Bearer', expires_in: 300, scope: all['scope'], ...more } }
  }

  function exchange(form: Readonly<Record<string, string>>, client: string): Draft | Response {
    const payload = (form['subject_token'] ?? '').split('.')[1]
    if (payload === undefined)
      return oauthError('invalid_request', 400, { error_description: 'Invalid token' })
    const { sub } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }
    const claims = { sub, aud: form['audience'] ?? form['resource'], azp: client, scope: form['scope'] ?? '' }
    const wantsRefresh = form['requested_token_type'] === `${uri}refresh_token`
    return draft(claims, {
      issued_token_type: form['requested_token_type'],
      ...(wantsRefresh ? { refresh_token: refreshTokenOf({ claims, used: new Map(), dead: false }) } : {}),
    })
  }

  function refresh(form: Readonly<Record<string, string>>): Draft | Response {
    const token = form['refresh_token'] ?? ''
    const family = families.get(token)
    if (family === undefined || family.dead) return oauthError('invalid_grant')
    const uses = family.used.get(token) ?? 0
    if (uses > knobs.leeway) {
      kill(family)
      return oauthError('invalid_grant', 400, {
        error_description: 'Maximum allowed refresh token reuse exceeded',
      })
    }
    family.used.set(token, uses + 1)
    alive.delete(token)
    const { claims } = family
    const aud = knobs.broadRefresh.length === 0 ? claims['aud'] : [claims['aud'], ...knobs.broadRefresh]
    return draft({ ...claims, aud }, { refresh_token: refreshTokenOf(family) })
  }

  function token(form: Readonly<Record<string, string>>, client: string): Draft | Response {
    switch (form['grant_type']) {
      case exchangeGrant:
        return exchange(form, client)
      case 'refresh_token':
        return refresh(form)
      case 'client_credentials':
        return draft({
          sub: `service-account-${client}`,
          aud: form['audience'] ?? form['resource'],
          scope: form['scope'] ?? '',
        })
      default:
        return oauthError('unsupported_grant_type')
    }
  }

  function revoke(form: Readonly<Record<string, string>>): Response {
    const family = families.get(form['token'] ?? '')
    // Keycloak's answer: 200 (RFC 7009 §2.2), and the truth in the body.
    if (family === undefined || family.dead) return oauthError('invalid_token', 200)
    revoked.push(form['token'] ?? '')
    kill(family)
    return new Response(null, { status: 200 })
  }

  function metadata(): Response {
    discoveries++
    return Response.json({
      issuer,
      token_endpoint: `${issuer}/token`,
      revocation_endpoint: `${issuer}/revoke`,
      jwks_uri: `${issuer}/certs`,
      ...knobs.metadata,
    })
  }

  const fetch: GuardedFetch = async (url, init = {}) => {
    const path = String(url).replace(issuer, '')
    if (path === '/.well-known/openid-configuration') return metadata()
    const form = Object.fromEntries(new URLSearchParams(init.body as URLSearchParams))
    const headers = new Headers(init.headers)
    const basic = Buffer.from((headers.get('authorization') ?? '').replace('Basic ', ''), 'base64').toString()
    const client = decodeURIComponent(basic.split(':')[0] ?? '') || (form['client_id'] ?? '')
    const call: ProviderCall = { endpoint: path === '/revoke' ? 'revoke' : 'token', form, client, headers }
    calls.push(call)
    const override = await knobs.respond?.(call)
    if (override !== undefined) return override
    if (call.endpoint === 'revoke') return revoke(form)
    const made = token(form, client)
    if (knobs.lose > 0) {
      knobs.lose--
      throw new TypeError('fetch failed')
    }
    if (made instanceof Response) return made
    knobs.tamper?.(made, call)
    const accessToken = made.claims === undefined ? `opaque-${++serial}` : unsignedJwt(made.claims)
    return Response.json({ access_token: accessToken, ...made.body })
  }

  return {
    issuer,
    fetch,
    knobs,
    calls,
    get discoveries() {
      return discoveries
    },
    subject,
    login(more = {}) {
      const claims = { sub: 'alice', aud: 'account', azp: 'sallyport', scope: 'openid profile', ...more }
      const family = { claims, used: new Map(), dead: false }
      return { accessToken: unsignedJwt({ ...stamp(), ...claims }), refreshToken: refreshTokenOf(family) }
    },
    alive,
    revoked,
    count: (grantType) => calls.filter(({ form }) => form['grant_type'] === grantType).length,
  }
}
