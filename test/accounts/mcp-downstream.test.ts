/** Accounts at MCP servers that say themselves who their authorization server is, with nothing registered by hand. */
import { describe, expect, it } from 'vitest'
import {
  type AuthorizationServer,
  type McpResource,
  startAuthorizationServer,
  startMcpResource,
} from '../kit/providers/mcp.ts'
import { type Browser } from '../kit/walk.ts'
import { startWorld, through, type World } from './world.ts'

interface Linked extends World {
  readonly resource: McpResource
  readonly server: AuthorizationServer
  /** Goes from the link of a call to the last page, and gives what that says. */
  connect(browser?: Browser, client?: string): Promise<string>
  /** How many accounts are kept. */
  kept(): Promise<number>
}

async function world(oauth = '{}'): Promise<Linked> {
  const server = await startAuthorizationServer()
  const resource = await startMcpResource(server)
  const it = await startWorld({
    downstreams: `  mine:
    url: "${resource.url}"
    oauth: ${oauth}
    operations: [{ op: "GET /user", class: read }]`,
  })
  const { state, config } = it.running.instance
  return {
    ...it,
    resource,
    server,
    connect: async (browser = it.browser(), client) => {
      const link = await it.link('alice', client === undefined ? {} : { client })
      return (await through(browser, link, { as: 'alice' })).says
    },
    kept: async () => (await state.connections.list(config.tenant, undefined)).length,
  }
}

const root = '/.well-known/oauth-protected-resource'

describe('what an MCP server says of itself', () => {
  it('is asked for in the way of MCP where a plain request finds nothing, and says which scopes it wants', async () => {
    const it = await world()
    it.resource.challenged = 'mcp:basic mcp:read'
    it.resource.metadata = { scopes_supported: ['mcp:everything'] }
    expect(await it.connect()).toContain('mine is connected')
    expect(it.resource.asked.slice(0, 2).map(({ method }) => method)).toEqual(['GET', 'POST'])
    expect(JSON.parse(it.resource.asked[1]!.body)).toMatchObject({ jsonrpc: '2.0', method: 'tools/list' })
    expect(it.server.authorized).toMatchObject([{ scope: 'mcp:basic mcp:read', resource: it.resource.url }])
    expect(it.server.tokens).toMatchObject([{ resource: it.resource.url }])
    expect(await it.call('alice')).toMatch(/^200/)
  })

  it.each<[string, string, boolean, string[]]>([
    ['where its challenge says', '/some/where.json', true, ['/some/where.json']],
    ['below the well-known path', `${root}/mcp`, false, [`${root}/mcp`]],
    ['at the root', root, false, [`${root}/mcp`, root]],
  ])('is read %s', async (_, at, saysWhere, looked) => {
    const it = await world()
    Object.assign(it.resource, { metadataAt: at, saysWhere })
    expect(await it.connect()).toContain('mine is connected')
    expect(it.resource.lookedAt).toEqual(looked)
  })

  it('may be about the whole origin only at the root, and names it for tokens', async () => {
    const whole = await world()
    const { origin } = whole.resource
    Object.assign(whole.resource, { metadataAt: root, saysWhere: false, metadata: { resource: origin } })
    expect(await whole.connect()).toContain('mine is connected')
    expect(whole.server.authorized[0]!['resource']).toBe(origin)
    expect(whole.server.tokens[0]!['resource']).toBe(origin)
    const elsewhere = await world()
    Object.assign(elsewhere.resource, { metadata: { resource: elsewhere.resource.origin } })
    expect(await elsewhere.connect()).toContain('refused this client or its configuration')
  })

  it.each<[string, (it: Linked) => void]>([
    [
      'speaks of another resource',
      ({ resource }) => (resource.metadata = { resource: 'https://evil.example/mcp' }),
    ],
    ['names no authorization server', ({ resource }) => (resource.metadata = { authorization_servers: [] })],
    ['lies somewhere else', ({ resource }) => (resource.metadataAt = '@evil.example/metadata')],
    [
      'leads to metadata of another issuer',
      ({ server }) => (server.metadata = { issuer: 'https://evil.example' }),
    ],
    [
      'leads to a server without S256',
      ({ server }) => (server.metadata = { code_challenge_methods_supported: undefined }),
    ],
    [
      'leads to endpoints elsewhere',
      ({ server }) => (server.metadata = { token_endpoint: 'https://evil.example/token' }),
    ],
  ])('is not believed where it %s, and nobody is asked anything', async (_, change) => {
    const it = await world()
    change(it)
    expect(await it.connect()).toContain('refused this client or its configuration')
    expect(it.server.registered).toEqual([])
    expect(it.server.authorized).toEqual([])
    expect(await it.kept()).toBe(0)
  })

  it.each<[string, (parameters: URLSearchParams) => void]>([
    ['names another issuer', (parameters) => parameters.set('iss', 'https://evil.example')],
    ['names the issuer with a slash', (parameters) => parameters.set('iss', `${parameters.get('iss')}/`)],
    ['names none though it said it would', (parameters) => parameters.delete('iss')],
  ])('an answer that %s is not acted on, and nothing is kept', async (_, twist) => {
    const it = await world()
    it.server.twist = twist
    expect(await it.connect()).toContain('did not finish what was begun')
    expect(it.server.authorized).toHaveLength(1)
    expect(it.server.tokens).toEqual([])
    expect(await it.kept()).toBe(0)
  })

  it('leads to a registration that says what sallyport is', async () => {
    const it = await world()
    await it.connect()
    expect(it.server.registered).toMatchObject([
      {
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: [`${it.url}/connect/callback`],
      },
    ])
  })

  it('may be found in a document, for servers that fetch one', async () => {
    const it = await world()
    const answer = await fetch(`${it.url}/client-metadata.json`)
    expect(answer.headers.get('content-type')).toContain('application/json')
    expect(await answer.json()).toEqual({
      client_id: `${it.url}/client-metadata.json`,
      client_name: 'sallyport',
      client_uri: it.url,
      redirect_uris: [`${it.url}/connect/callback`],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    })
  })
})

describe('an MCP server that asks for more', () => {
  it('has the person asked for what he had and what is missing, and is served with that', async () => {
    const it = await world()
    const browser = it.browser()
    it.resource.challenged = 'mcp:basic'
    it.resource.metadata = { scopes_supported: ['mcp:profile'] }
    await it.connect(browser)
    expect(await it.call('alice')).toMatch(/^200/)
    it.resource.needs = 'mcp:write'
    expect(await it.connect(browser)).toContain('mine is connected')
    expect(it.server.authorized.map(({ scope }) => scope)).toEqual(['mcp:basic', 'mcp:basic mcp:write'])
    expect(await it.call('alice')).toMatch(/^200 .*"mcp:basic","mcp:write"/)
    it.resource.needs = 'mcp:admin'
    await it.connect(browser)
    expect(it.server.authorized.at(-1)!['scope']).toBe('mcp:basic mcp:write mcp:admin')
    expect(await it.call('alice')).toMatch(/^200/)
    expect(await it.kept()).toBe(1)
    expect(it.record().filter(({ reason }) => reason === 'scope_required')).toHaveLength(2)
  })

  it('is not asked again and again: what the person was asked for already is its own refusal', async () => {
    const it = await world()
    it.resource.challenged = 'mcp:admin'
    await it.connect()
    it.resource.takes = () => true
    it.resource.needs = 'mcp:admin'
    it.server.given.forEach((_, token) => (it.server.given as Map<string, string[]>).set(token, []))
    expect(await it.call('alice')).toMatch(/^403/)
    expect(await it.call('alice')).toMatch(/^403/)
    expect(it.server.authorized).toHaveLength(1)
  })

  it('is given no more than the configuration says', async () => {
    const it = await world('{ scope: ["mcp:basic"] }')
    await it.connect()
    it.resource.needs = 'mcp:write'
    expect(await it.call('alice')).toMatch(/^403/)
  })

  it('does not give another client what its person agreed to for less', async () => {
    const it = await world()
    const browser = it.browser()
    it.resource.challenged = 'mcp:basic'
    await it.connect(browser)
    await it.connect(browser, 'another-client')
    expect(await it.call('alice', { client: 'another-client' })).toMatch(/^200/)
    it.resource.needs = 'mcp:write'
    await it.connect(browser)
    const said = await it.call('alice', { client: 'another-client' })
    expect(said).toContain('/connect/mine')
    await it.connect(browser, 'another-client')
    expect(await it.call('alice', { client: 'another-client' })).toMatch(/^200 .*mcp:write/)
    expect(it.server.authorized).toHaveLength(2)
  })
})

describe('an MCP server that moves to another authorization server', () => {
  it.each([
    ['without refresh tokens', false],
    ['with refresh tokens', true],
  ])(
    '%s has the account linked anew there, and neither is shown what the other gave',
    async (_, refreshes) => {
      const it = await world()
      const browser = it.browser()
      it.server.refreshes = refreshes
      await it.connect(browser)
      expect(await it.call('alice')).toMatch(/^200/)
      const before = it.server.tokens.length
      const next = await startAuthorizationServer()
      it.resource.server = next
      expect(await it.connect(browser)).toContain('mine is connected')
      expect(await it.call('alice')).toMatch(/^200/)
      expect(next.registered).toHaveLength(1)
      const [first] = it.server.authorized
      const shown = JSON.stringify([next.authorized, next.tokens])
      expect(shown).not.toContain(first!['client_id'])
      expect(next.tokens.map((form) => form['grant_type'])).toEqual(['authorization_code'])
      expect(it.server.tokens).toHaveLength(before)
      expect(await it.kept()).toBe(1)
    },
  )

  it('and takes a refreshed token where it stayed', async () => {
    const it = await world()
    it.server.refreshes = true
    await it.connect()
    const [first] = it.server.given.keys()
    it.resource.takes = (token) => token !== first
    expect(await it.call('alice')).toMatch(/^200/)
    expect(it.server.tokens.map((form) => form['grant_type'])).toEqual([
      'authorization_code',
      'refresh_token',
    ])
    expect(it.server.tokens.map((form) => form['resource'])).toEqual([it.resource.url, it.resource.url])
  })

  it('and has the account linked anew where its token ended and nothing refreshes it', async () => {
    const it = await world()
    const browser = it.browser()
    await it.connect(browser)
    const [first] = it.server.given.keys()
    it.resource.takes = (token) => token !== first
    expect(await it.connect(browser)).toContain('mine is connected')
    expect(it.server.authorized).toHaveLength(2)
    expect(it.server.registered).toHaveLength(1)
    expect(await it.call('alice')).toMatch(/^200/)
    expect(await it.kept()).toBe(1)
  })
})
