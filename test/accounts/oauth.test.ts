import { describe, expect, it } from 'vitest'
import { oauthClient, type OAuthServer, startOAuth } from '../kit/providers/oauth.ts'
import { page, startWorld, through, type World } from './world.ts'

interface Linked extends World {
  readonly as: OAuthServer
}

interface Asked {
  readonly server?: Parameters<typeof startOAuth>[0]
  /** The members of `oauth`. */
  readonly oauth: (as: OAuthServer) => string
}

const registered = ({ issuer }: OAuthServer) =>
  `{ issuer: "${issuer}", client: { id: ${oauthClient.id}, secret: file:secret }, scope: [things.read] }`

async function world({ server, oauth }: Asked): Promise<Linked> {
  const as = await startOAuth(server)
  const it = await startWorld({
    files: { secret: oauthClient.secret },
    downstreams: `  mine:
    url: "${as.url}/api"
    oauth: ${oauth(as)}
    operations: [{ op: "GET /user", class: read }]`,
  })
  return { ...it, as }
}

describe('an account at an authorization server with metadata', () => {
  it('is linked with S256 and resource, refreshed with resource, and revoked with both tokens', async () => {
    const it = await world({ oauth: registered, server: { life: 3 } })
    it.as.metadata = { scopes_supported: ['openid', 'things.read', 'offline_access'] }
    const end = await through(it.browser(), await it.link('alice'), { as: 'alice' })
    expect(end.says).toContain('Your account ann is linked')
    expect(await it.call('alice')).toBe('200 {"login":"ann"}')
    const [asked] = it.as.calls.filter(({ path }) => path === '/authorize')
    expect(asked?.query).toMatchObject({
      response_type: 'code',
      client_id: oauthClient.id,
      redirect_uri: `${it.url}/connect/callback`,
      scope: 'things.read openid offline_access',
      code_challenge_method: 'S256',
      resource: `${it.as.url}/api`,
    })
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(await it.call('alice')).toBe('200 {"login":"ann"}')
    const forms = it.as.calls.filter(({ path }) => path === '/token').map(({ form }) => form)
    expect(forms.map((form) => form['grant_type'])).toEqual(['authorization_code', 'refresh_token'])
    for (const form of forms) expect(form['resource']).toBe(`${it.as.url}/api`)
    const receipt = await it.revoke({ kind: 'user', id: 'alice' })
    expect(receipt['connections']).toMatchObject([{ provider: 'revoked' }])
    expect(it.as.revoked.map((token) => token.slice(0, 2))).toEqual(['rt', 'at'])
  })

  it.each([
    ['the oauth path', 'oauth', ['/.well-known/oauth-authorization-server/realms/acme']],
    [
      'the OpenID path, inserted',
      'oidc-inserted',
      [
        '/.well-known/oauth-authorization-server/realms/acme',
        '/.well-known/openid-configuration/realms/acme',
      ],
    ],
    [
      'the OpenID path, appended',
      'oidc-appended',
      [
        '/.well-known/oauth-authorization-server/realms/acme',
        '/.well-known/openid-configuration/realms/acme',
        '/realms/acme/.well-known/openid-configuration',
      ],
    ],
  ] as const)('is found at %s, in the order of MCP', async (_name, at, asked) => {
    const it = await world({ oauth: registered, server: { path: '/realms/acme', at } })
    await through(it.browser(), await it.link('alice'), { as: 'alice' })
    expect(await it.call('alice')).toContain('200')
    expect(it.as.calls.map(({ path }) => path).filter((path) => path.includes('well-known'))).toEqual(asked)
  })

  it('is told by the downstream itself, which scope it wants, and takes a client that registers itself', async () => {
    const it = await world({ oauth: (as) => `{ origins: ["${as.url}"] }` })
    it.as.challenge = `resource_metadata="${it.as.url}/.well-known/oauth-protected-resource/api", scope="things.read more"`
    it.as.metadata = {
      registration_endpoint: `${it.as.issuer}/register`,
      scopes_supported: ['offline_access'],
    }
    await through(it.browser(), await it.link('alice'), { as: 'alice' })
    expect(await it.call('alice')).toContain('200')
    const [registration] = it.as.calls.filter(({ path }) => path === '/register')
    expect(JSON.parse(registration!.body)).toMatchObject({
      redirect_uris: [`${it.url}/connect/callback`],
      application_type: 'native',
      token_endpoint_auth_method: 'client_secret_basic',
    })
    const [asked] = it.as.calls.filter(({ path }) => path === '/authorize')
    expect(asked?.query['scope']).toBe('things.read more offline_access')
    await through(it.browser(), await it.link('bob'), { as: 'bob' })
    expect(it.as.count('/register')).toBe(1)
  })

  it('is dead where its refresh token is, and nobody else’s is', async () => {
    const it = await world({ oauth: registered, server: { life: 2 } })
    it.as.metadata = { scopes_supported: ['openid'] }
    await through(it.browser(), await it.link('alice'), { as: 'alice' })
    it.as.person = 'bert'
    await through(it.browser(), await it.link('bob'), { as: 'bob' })
    const alices = it.as.calls.filter(({ path }) => path === '/token')
    expect(alices).toHaveLength(2)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    let first = true
    it.as.instead = ({ form }) => {
      if (form['grant_type'] !== 'refresh_token' || !first) return undefined
      first = false
      return { status: 400, body: '{"error":"invalid_grant"}' }
    }
    expect(await it.call('alice')).toContain('/connect/mine?ask=')
    expect(await it.call('bob')).toContain('bert')
    expect(await it.call('alice')).toContain('/connect/mine?ask=')
    await through(it.browser(), await it.link('alice'), {
      as: 'alice',
      fields: (at) => (at.says.includes('Which account?') ? { use: '' } : {}),
    })
    expect(await it.call('alice')).toContain('200')
  })
})

describe('a key that a person puts in', () => {
  const secret = 'alices-own-key-0123456789'
  const keyed = async () => {
    const as = await startOAuth()
    return startWorld({
      downstreams: `  mine:
    url: "${as.url}/api"
    static: { per: user }
    operations: [{ op: "GET /user", class: read }]`,
    })
  }

  it('is asked for on the page, kept, used for the client that asked alone, and ended on the page of accounts', async () => {
    const it = await keyed()
    const browser = it.browser()
    const fields = (at: { says: string }) => (at.says.includes('Your key for') ? { secret } : {})
    const end = await through(browser, await it.link('alice'), { as: 'alice', fields: fields })
    expect(end.says).toContain('mine is connected')
    expect(await it.call('alice')).toMatch(/^502 .*credential_refused/)
    expect(await it.call('alice', { client: 'another-client' })).toContain('/connect/mine?ask=')
    expect(it.log.join('\n') + JSON.stringify(it.record())).not.toContain(secret)
    const own = await through(browser, `${it.url}/accounts`, { as: 'alice' })
    const after = page(await browser.submit(own, own.forms[0]!, { button: own.forms[0]!.buttons[0]! }))
    expect(after.says).toContain('The key itself is still good')
    expect(await it.call('alice')).toContain('/connect/mine?ask=')
  })

  it('is refused where it cannot be one', async () => {
    const it = await keyed()
    const said: string[] = []
    await through(it.browser(), await it.link('alice'), {
      as: 'alice',
      press: (at) => {
        said.push(at.says)
        return at.says.includes('This is no key') ? 'cancel' : undefined
      },
      fields: (at) => (at.says.includes('Your key for') ? { secret: 'two words' } : {}),
    })
    expect(said.at(-1)).toContain('This is no key')
    expect(await it.call('alice')).toContain('/connect/mine?ask=')
  })
})
