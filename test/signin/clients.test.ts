import { describe, expect, it } from 'vitest'
import {
  alice,
  allowHere,
  callback,
  everyNameHere,
  pageOf,
  postJson,
  startMetadataHost,
  startWorld,
  type World,
  type WorldOptions,
} from './world.ts'

const web = 'https://client.example/cb'

/** Without a sign-in: which page a client's request leads to. */
async function led(world: World, client: string, redirect: string): Promise<string> {
  const { status, says } = pageOf(
    await world.browser().open(world.request(client, { redirect_uri: redirect })),
  )
  return `${status} ${says.replace(/ Request \S+$/, '')}`
}

const open = (options: WorldOptions = {}) =>
  startWorld({ lookup: everyNameHere, ...options, more: `${allowHere}\n${options.more ?? ''}` })

describe('a client with a metadata document', () => {
  it('is known by its URL, by no name of its own, and fetched once', async () => {
    const host = await startMetadataHost()
    const id = host.at('/oauth/client.json')
    host.serve('/oauth/client.json', {
      client_id: id,
      client_name: 'Claude',
      redirect_uris: [web],
      token_endpoint_auth_method: 'none',
    })
    const world = await open({ servers: `server: http://127.0.0.1:9/mcp\nallow: ["client:${id}"]` })
    const browser = world.browser('https://client.example/')
    await world.visit(browser, alice).catch(() => undefined)
    const page = pageOf(await browser.open(world.request(id, { redirect_uri: web })))
    expect(page.says).toContain('Nobody has verified this app')
    expect(page.says).toContain('Says it is “ Claude ”')
    await led(world, id, web)
    await Promise.all([led(world, id, web), led(world, id, web)])
    expect(host.asked).toEqual(['/oauth/client.json'])
  })

  it('is called by the name that the configuration gives its URL, where nobody else receives its answer', async () => {
    const host = await startMetadataHost()
    const id = host.at('/oauth/client.json')
    host.serve('/oauth/client.json', { client_id: id, redirect_uris: [web, callback] })
    const world = await open({ more: `clients: { workbench: { cimd: "${id}" } }` })
    const browser = world.browser()
    await world.visit(browser, alice)
    const named = pageOf(await browser.open(world.request(id, { redirect_uri: web })))
    expect(named.says).toContain('Let workbench use main?')
    const loopback = pageOf(await browser.open(world.request(id)))
    expect(loopback.says).toContain('Nobody has verified this app')
  })

  it.each<[string, (id: string) => unknown, Record<string, string>?]>([
    ['another client_id', (id) => ({ client_id: `${id}x`, redirect_uris: [web] })],
    ['a client_id in another case', (id) => ({ client_id: id.toUpperCase(), redirect_uris: [web] })],
    ['no client_id', () => ({ redirect_uris: [web] })],
    ['a secret', (id) => ({ client_id: id, redirect_uris: [web], client_secret: 'x' })],
    ['the end of a secret', (id) => ({ client_id: id, redirect_uris: [web], client_secret_expires_at: 0 })],
    [
      'authentication by a secret',
      (id) => ({ client_id: id, redirect_uris: [web], token_endpoint_auth_method: 'client_secret_post' }),
    ],
    ['no redirect URI', (id) => ({ client_id: id, redirect_uris: [] })],
    ['a redirect URI that is none', (id) => ({ client_id: id, redirect_uris: [web, 'javascript:alert(1)'] })],
    [
      'keys in two places',
      (id) => ({
        client_id: id,
        redirect_uris: [web],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{}] },
        jwks_uri: web,
      }),
    ],
    [
      'keys in clear http',
      (id) => ({
        client_id: id,
        redirect_uris: [web],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks_uri: 'http://client.example/keys',
      }),
    ],
    [
      'no code in its responses',
      (id) => ({ client_id: id, redirect_uris: [web], response_types: ['token'] }),
    ],
    [
      'a name twice',
      (id) => `{"client_id":"${id}","redirect_uris":["${web}"],"redirect_uris":["https://evil.example/"]}`,
    ],
    ['a list', () => []],
    ['no JSON', () => '<html></html>'],
    ['more than 5 KiB', (id) => ({ client_id: id, redirect_uris: [web], more: 'x'.repeat(5_200) })],
    [
      'another content type',
      (id) => ({ client_id: id, redirect_uris: [web] }),
      { 'content-type': 'text/html' },
    ],
  ])('of %s is refused, and not asked for again at once', async (_, document, headers = {}) => {
    const host = await startMetadataHost()
    const id = host.at('/client.json')
    host.serve('/client.json', document(id), headers)
    const world = await open()
    for (let turn = 0; turn < 2; turn += 1)
      expect(await led(world, id, web)).toContain(
        '400 sallyport This did not work The metadata of the client',
      )
    expect(host.asked).toEqual(['/client.json'])
  })

  it.each([
    'http://client.example/client.json',
    'https://client.example',
    'https://client.example/',
    'https://user@client.example/client.json',
    'https://client.example/a/../client.json',
    'https://client.example/client.json?x=1',
    'https://client.example/client.json#x',
    'https://CLIENT.example/client.json',
    'https://client.example:443/client.json',
    'https://client.example/%2e%2e/client.json',
    'https://client.example\\client.json',
  ])('is no such client where its URL is not in its one form: %s', async (id) => {
    const host = await startMetadataHost()
    const world = await open()
    expect(await led(world, id, web)).toContain('client_unknown')
    expect(host.asked).toEqual([])
  })

  it('that refuses to be fetched is known from the catalogue; without the catalogue it is not', async () => {
    const claude = 'https://claude.ai/oauth/mcp-oauth-client-metadata'
    const redirect = 'https://claude.ai/api/mcp/auth_callback'
    const browserOf = async (world: World) => {
      const browser = world.browser()
      await world.visit(browser, alice)
      return pageOf(await browser.open(world.request(claude, { redirect_uri: redirect })))
    }
    expect((await browserOf(await open())).says).toContain('Let Claude use main?')
    const without = await open({ more: 'sign_in: { catalog: false, registration: open }' })
    expect((await browserOf(without)).says).toContain('client_metadata_refused')
  })
})

describe('a client that registers itself', () => {
  const register = (world: World, body: unknown) => postJson(`${world.url}/oauth2/register`, body)

  it('is answered what was taken of what it asked for, and nothing is kept', async () => {
    const world = await startWorld()
    const answer = await register(world, {
      redirect_uris: [callback, 'http://[::1]/cb'],
      client_name: 'A\u202eB\n C',
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token', 'implicit', 'client_credentials'],
      response_types: ['code'],
      logo_uri: 'https://evil.example/x.png',
      software_statement: 'x',
    })
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store'])
    expect(answer.body).toEqual({
      client_id: expect.stringMatching(/^dcr\.[\w.-]+$/),
      client_id_issued_at: expect.any(Number),
      client_secret: expect.stringMatching(/^sp_cs_[\w-]{43}$/),
      client_secret_expires_at: 0,
      client_name: 'A B C',
      redirect_uris: [callback, 'http://[::1]/cb'],
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'native',
    })
  })

  it('gets no secret where it wants none, and another client_id each time', async () => {
    const world = await startWorld()
    const [one, two] = [
      await register(world, { redirect_uris: [callback], token_endpoint_auth_method: 'none' }),
      await register(world, { redirect_uris: [callback], token_endpoint_auth_method: 'none' }),
    ]
    expect(one.body).not.toHaveProperty('client_secret')
    expect(one.body['client_id']).not.toBe(two.body['client_id'])
  })

  it('is still known after a restart', async () => {
    const world = await startWorld()
    const client = await world.register()
    const { folder } = world.running
    await world.running.stop()
    const again = await startWorld({ folder, idp: world.idp })
    expect(await led(again, client, callback)).toContain('200 sallyport Sign in to use main')
  })

  it.each<[string, unknown, string]>([
    ['no redirect URI', {}, 'invalid_client_metadata'],
    ['a redirect URI with a fragment', { redirect_uris: [`${callback}#x`] }, 'invalid_redirect_uri'],
    ['clear http elsewhere', { redirect_uris: ['http://client.example/cb'] }, 'invalid_redirect_uri'],
    ['an unknown host', { redirect_uris: [callback, 'https://client.example/cb'] }, 'invalid_redirect_uri'],
    ['an unknown scheme', { redirect_uris: ['evil://cb'] }, 'invalid_redirect_uri'],
    [
      'keys',
      { redirect_uris: [callback], token_endpoint_auth_method: 'private_key_jwt' },
      'invalid_client_metadata',
    ],
    ['no code', { redirect_uris: [callback], grant_types: ['implicit'] }, 'invalid_client_metadata'],
    ['no JSON', 'redirect_uris=x', 'invalid_client_metadata'],
    ['a list', [], 'invalid_client_metadata'],
    [
      'too many redirect URIs',
      { redirect_uris: Array.from({ length: 21 }, (_, port) => `http://127.0.0.1:${port + 1}/`) },
      'invalid_client_metadata',
    ],
  ])('with %s is refused in the words of RFC 7591', async (_, body, error) => {
    const world = await startWorld()
    const answer = await register(world, body)
    expect([answer.status, answer.body['error']]).toEqual([400, error])
  })

  it('may have any web host where registration is open, and the known ones where it is not', async () => {
    const elsewhere = { redirect_uris: ['https://client.example/cb'] }
    const opened = await startWorld({ more: 'sign_in: { registration: open }' })
    expect((await register(opened, elsewhere)).status).toBe(201)
    expect((await register(opened, { redirect_uris: ['my-app://cb'] })).status).toBe(201)
    expect((await register(opened, { redirect_uris: ['javascript:alert(1)'] })).status).toBe(400)
    const known = await startWorld({
      more: 'clients: { desk: { redirects: ["https://client.example/cb"] } }',
    })
    for (const uri of [
      'https://client.example/cb',
      'https://claude.ai/api/mcp/auth_callback',
      'https://chatgpt.com/connector_platform_oauth_redirect',
      'https://chatgpt.com/connector/oauth/abc-123_X',
      'https://vscode.dev/redirect',
      'http://127.0.0.1:33418/',
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'http://localhost:6274/oauth/callback/debug',
    ])
      expect([uri, (await register(known, { redirect_uris: [uri] })).status]).toEqual([uri, 201])
    for (const uri of [
      'https://chatgpt.com/connector/oauth/a/b',
      'https://chatgpt.com/connector/oauth/',
      'https://claude.ai/other',
    ])
      expect([uri, (await register(known, { redirect_uris: [uri] })).status]).toEqual([uri, 400])
  })

  it('is not known any more once the configuration would not take it', async () => {
    const world = await startWorld({ more: 'sign_in: { registration: open }' })
    const answer = await register(world, { redirect_uris: ['https://client.example/cb'] })
    const client = String(answer.body['client_id'])
    expect(await led(world, client, 'https://client.example/cb')).toContain('200 sallyport Sign in')
    const { folder } = world.running
    await world.running.stop()
    const strict = await startWorld({ folder, idp: world.idp })
    expect(await led(strict, client, 'https://client.example/cb')).toContain('client_unknown')
  })
})
