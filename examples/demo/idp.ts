/**
 * The company's identity provider, played by npm `oidc-provider`: code flow with PKCE, JWT access tokens for the
 * resource that was asked for, RFC 8693 exchange for the one client that may, and RFC 7009 revocation.
 * The person at the browser always is whoever the demo signs in; there is no password to type.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLocalJWKSet, exportJWK, generateKeyPair, type JWK, jwtVerify, SignJWT } from 'jose'
import Provider, { type GrantContext } from 'oidc-provider'

export interface DemoIdp {
  readonly issuer: string
  /** Every access token that was issued for a downstream: what the search at the end looks for. */
  readonly downstreamTokens: readonly string[]
  close(): void
}

export interface DemoIdpOptions {
  /** The audience of the MCP server's tokens. */
  readonly serverResource: string
  readonly groups: Readonly<Record<string, readonly string[]>>
  readonly brokerSecret: string
}

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

export async function startIdp(options: DemoIdpOptions): Promise<DemoIdp> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'idp-1' }
  const provider = new Provider(issuer, configuration(options, jwk))
  const downstreamTokens: string[] = []
  provider.registerGrantType(
    exchangeGrant,
    (context) => exchange(context, { issuer, jwk, privateKey, downstreamTokens }),
    ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'resource', 'scope'],
    ['audience', 'resource'],
  )
  serve(server, provider, options)
  return { issuer, downstreamTokens, close: () => server.close() }
}

function configuration(options: DemoIdpOptions, jwk: JWK): object {
  return {
    jwks: { keys: [jwk] },
    clients: [
      {
        client_id: 'chat',
        token_endpoint_auth_method: 'none',
        redirect_uris: ['http://127.0.0.1/callback'],
        application_type: 'native',
      },
      {
        client_id: 'sallyport',
        client_secret: options.brokerSecret,
        grant_types: [exchangeGrant],
        redirect_uris: [],
        response_types: [],
      },
    ],
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: (_: unknown, token: { accountId?: string }) => ({
      groups: options.groups[token.accountId ?? ''] ?? [],
      auth_time: Math.floor(Date.now() / 1000),
    }),
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_: unknown, resource: string) => ({
          audience: resource,
          scope: 'mcp',
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: 'RS256' } },
        }),
        defaultResource: () => options.serverResource,
        useGrantedResource: () => true,
      },
    },
    scopes: ['openid', 'mcp'],
    cookies: { keys: ['demo-cookie-key'] },
    interactions: { url: (_: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
  }
}

/** Signs in and consents without asking: the demo's browser names the person in a header. */
function serve(server: Server, provider: Provider, options: DemoIdpOptions): void {
  const handle = provider.callback()
  const interact = async (request: IncomingMessage, response: ServerResponse) => {
    const { prompt, params } = await provider.interactionDetails(request, response)
    const accountId = String(request.headers['x-demo-person'])
    if (prompt.name === 'login') {
      await provider.interactionFinished(request, response, { login: { accountId } })
      return
    }
    const grant = new provider.Grant({ accountId, clientId: params['client_id'] ?? '' })
    grant.addOIDCScope('openid mcp')
    grant.addResourceScope(options.serverResource, 'mcp')
    await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
  }
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) {
      handle(request, response)
      return
    }
    interact(request, response).catch(() => response.writeHead(500).end())
  })
}

interface Exchanger {
  readonly issuer: string
  readonly jwk: JWK
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey']
  readonly downstreamTokens: string[]
}

/** RFC 8693: a token of the same person, for one downstream and nothing else. */
async function exchange(context: GrantContext, idp: Exchanger): Promise<void> {
  const { params, client } = context.oidc
  const audience = params['audience'] ?? params['resource']
  try {
    const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicJwk } = idp.jwk
    const { payload } = await jwtVerify(
      params['subject_token'] ?? '',
      createLocalJWKSet({ keys: [publicJwk] }),
      {
        issuer: idp.issuer,
      },
    )
    if (client.clientId !== 'sallyport' || audience === undefined) throw new Error('refused')
    const token = await new SignJWT({
      client_id: client.clientId,
      scope: params['scope'] ?? '',
      groups: payload['groups'],
    })
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'idp-1' })
      .setIssuer(idp.issuer)
      .setSubject(payload.sub ?? '')
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime('5 minutes')
      .setJti(crypto.randomUUID())
      .sign(idp.privateKey)
    idp.downstreamTokens.push(token)
    context.body = {
      access_token: token,
      issued_token_type: accessTokenType,
      token_type: 'Bearer',
      expires_in: 300,
      scope: params['scope'],
    }
  } catch {
    context.status = 400
    context.body = { error: 'invalid_request' }
  }
}
