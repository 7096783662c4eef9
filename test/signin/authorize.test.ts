import { describe, expect, it } from 'vitest'
import { startInstance } from '../kit/instance.ts'
import { createBrowser, walk } from '../kit/walk.ts'
import { alice, answerOf, bob, callback, challenge, pageOf, postJson, startWorld } from './world.ts'

describe('a client that nobody has heard of', () => {
  it('registers, sends its person to the IdP and to one question, and is answered a code', async () => {
    const world = await startWorld()
    const client = await world.register()
    const browser = world.browser()
    const pages: string[] = []
    const left = await walk(browser, world.request(client), {
      as: alice,
      press: (page) => void pages.push(page.says),
    })
    expect(Object.fromEntries(left.searchParams)).toEqual({
      code: expect.stringMatching(/^[\w.-]{20,}$/),
      state: 'the-state',
      iss: world.url,
    })
    const last = pages.at(-1)!
    expect(last).toContain('Nobody has verified this app')
    expect(last).toContain('Says it is “ Test client ”')
    expect(last).toContain('You are signed in as Alice Archer')
    expect(world.record().filter(({ kind }) => kind === 'sign-in' || kind === 'consent')).toMatchObject([
      { kind: 'sign-in', decision: 'allow', who: { principal: { kind: 'user', issuer: world.idp.issuer } } },
      {
        kind: 'consent',
        decision: 'allow',
        reason: 'allowed',
        who: { client: 'unverified', server: 'main' },
      },
    ])
  })

  it('asks the IdP as a confidential client does: S256, a nonce, its own scopes, and never a resource', async () => {
    const world = await startWorld()
    const client = await world.register()
    await walk(world.browser(), world.request(client, { resource: `${world.url}/mcp` }), { as: alice })
    const [authorize, token] = world.idp.asked.map(({ form }) => form)
    expect(authorize).toMatchObject({
      client_id: 'sallyport',
      response_type: 'code',
      redirect_uri: `${world.url}/login/callback`,
      code_challenge_method: 'S256',
      scope: 'openid profile offline_access',
    })
    expect(authorize!['nonce']).toMatch(/^[\w-]{43}$/)
    expect(token).toMatchObject({
      grant_type: 'authorization_code',
      redirect_uri: `${world.url}/login/callback`,
    })
    expect({ ...authorize, ...token }).not.toHaveProperty('resource')
  })

  it('is told that the person did not agree', async () => {
    const world = await startWorld()
    const left = await walk(world.browser(), world.request(await world.register()), {
      as: alice,
      press: (_page, buttons) => buttons.find(({ value }) => value === 'deny'),
    })
    expect(Object.fromEntries(left.searchParams)).toMatchObject({
      error: 'access_denied',
      state: 'the-state',
      iss: world.url,
    })
    expect(world.record().at(-1)).toMatchObject({
      kind: 'consent',
      decision: 'deny',
      reason: 'consent_denied',
    })
  })

  it('is asked about each time, and its person signs in once', async () => {
    const world = await startWorld()
    const client = await world.register()
    const browser = world.browser()
    await walk(browser, world.request(client), { as: alice })
    const asked = world.idp.asked.length
    const page = pageOf(await browser.open(world.request(client)))
    expect(page.says).toContain('Nobody has verified this app')
    expect(world.idp.asked).toHaveLength(asked)
    const none = answerOf(await browser.open(world.request(client, { prompt: 'none' })))
    expect(none.get('error')).toBe('consent_required')
  })
})

describe('a client that the configuration names', () => {
  const more = `clients:
  crm-ui: { id: crm-ui, redirects: ["https://crm.acme.example/cb"] }
  desk: { redirects: ["https://desk.acme.example/cb"] }
  cli: { id: cli, redirects: ["http://127.0.0.1/cb"] }
`
  const crmUi = { redirect_uri: 'https://crm.acme.example/cb' }

  it('goes straight to the IdP, is called by its name, and is remembered', async () => {
    const world = await startWorld({ more })
    const browser = world.browser('https://crm.acme.example/')
    const pages: string[] = []
    const left = await walk(browser, world.request('crm-ui', crmUi), {
      as: alice,
      press: (page) => void pages.push(page.says),
    })
    expect(left.searchParams.has('code')).toBe(true)
    expect(pages).toHaveLength(2)
    expect(pages[1]).toContain('Let crm-ui use main?')
    expect(pages[1]).not.toContain('Nobody has verified')
    const again = answerOf(await browser.open(world.request('crm-ui', crmUi)))
    expect([again.has('code'), again.get('error')]).toEqual([true, null])
    const silent = answerOf(await browser.open(world.request('crm-ui', { ...crmUi, prompt: 'none' })))
    expect(silent.has('code')).toBe(true)
    const asked = pageOf(await browser.open(world.request('crm-ui', { ...crmUi, prompt: 'consent' })))
    expect(asked.says).toContain('Let crm-ui use main?')
  })

  it('keeps its name for rules where any program could receive its answer, and people are told so', async () => {
    const world = await startWorld({
      more,
      servers: 'server: http://127.0.0.1:9/mcp\nallow: ["client:cli"]',
    })
    const cli = { redirect_uri: 'http://127.0.0.1:4711/cb' }
    const browser = world.browser('http://127.0.0.1:4711/')
    const pages: string[] = []
    const left = await walk(browser, world.request('cli', cli), {
      as: alice,
      press: (page) => void pages.push(page.says),
    })
    expect(left.searchParams.has('code')).toBe(true)
    expect(pages.at(-1)).toContain('Says it is “ cli ” – nobody has verified this')
    const again = pageOf(await browser.open(world.request('cli', cli)))
    expect(again.says).toContain('Nobody has verified this app')
  })

  it('is known by the host that only it has, though it registered itself; by loopback it is not', async () => {
    const world = await startWorld({ more })
    const desk = await world.register({ redirect_uris: ['https://desk.acme.example/cb', callback] })
    const page = world.browser()
    await world.visit(page, alice)
    const named = pageOf(
      await page.open(world.request(desk, { redirect_uri: 'https://desk.acme.example/cb' })),
    )
    expect(named.says).toContain('Let desk use main?')
    const unnamed = pageOf(await page.open(world.request(desk)))
    expect(unnamed.says).toContain('Nobody has verified this app')
    const cli = pageOf(await page.open(world.request('cli', { redirect_uri: 'http://127.0.0.1:4711/cb' })))
    expect(cli.says).toContain('Nobody has verified this app')
  })

  it('may be asked again once its consent was taken back', async () => {
    const world = await startWorld({ more })
    const browser = world.browser('https://crm.acme.example/')
    await walk(browser, world.request('crm-ui', crmUi), { as: alice })
    const { state, config } = world.running.instance
    const [consent] = await state.consents.list(config.tenant, undefined)
    expect(consent).toMatchObject({ registration: 'crm-ui', client: 'crm-ui', server: 'main' })
    const scope = { kind: 'consent', id: consent!.id }
    const revoked = await world.running.admin('POST', '/v1/revocations', { scope, cause: 'not any more' })
    expect(revoked.status).toBeLessThan(300)
    const asked = pageOf(await browser.open(world.request('crm-ui', crmUi)))
    expect(asked.says).toContain('Let crm-ui use main?')
  })
})

describe('a person', () => {
  const servers = 'server: http://127.0.0.1:9/mcp\nallow: ["group:crm-users"]'
  // Okta gives groups to whoever asks for them by a scope.
  const login = 'scope: [profile, groups]'

  it('who may not use the server is told so with the reason, and the client that it was refused', async () => {
    const world = await startWorld({ servers, login })
    const browser = world.browser()
    const client = await world.register()
    const first = await walk(browser, world.request(client), { as: bob }).catch(String)
    expect(first).toContain('403')
    const page = pageOf(await browser.open(world.request(client)))
    expect([page.status, page.says]).toEqual([403, expect.stringContaining('not_allowed')])
    expect(page.says).toContain('You are signed in as Bob Baker')
    const back = page.links.find(({ classes }) => classes.includes('main'))!
    expect(back.to.origin + back.to.pathname).toBe(callback)
    expect(Object.fromEntries(back.to.searchParams)).toMatchObject({
      error: 'access_denied',
      state: 'the-state',
    })
    expect(world.record().at(-1)).toMatchObject({
      kind: 'denial',
      reason: 'not_allowed',
      who: { server: 'main' },
    })
    const left = await walk(world.browser(), world.request(client), { as: alice })
    expect(left.searchParams.has('code')).toBe(true)
  })

  it('who was cut is nobody in this browser, and signs in anew at the IdP, not by what it remembers', async () => {
    const world = await startWorld()
    const browser = world.browser()
    const client = await world.register()
    await walk(browser, world.request(client), { as: alice })
    const { id } = world.idp.people[alice.username]!
    const scope = { kind: 'user', id }
    const cut = await world.running.admin('POST', '/v1/revocations', {
      scope,
      cause: 'a lost laptop',
      hold: false,
    })
    expect(cut.status).toBe(200)
    const before = world.idp.asked.length
    const again = await walk(browser, world.request(client), { as: alice }).catch(String)
    const prompts = world.idp.asked
      .slice(before)
      .flatMap(({ endpoint, form }) => (endpoint === 'authorize' ? [form['prompt']] : []))
    expect(prompts).toEqual([undefined, 'login'])
    // The clock has not moved beyond the skew of five seconds, so even that sign-in is not newer than the cut.
    expect(String(again)).toContain('sign_in_too_old')
  })

  it('who signs out here is asked who they are', async () => {
    const world = await startWorld()
    const browser = world.browser()
    const client = await world.register()
    await world.visit(browser, alice)
    const page = pageOf(await browser.open(world.request(client)))
    expect(page.says).toContain('Alice Archer')
    const out = { ...page.forms[0]!, action: new URL(`${world.url}/login/out`), fields: [] }
    expect(pageOf(await browser.submit(page, out)).says).toContain('You are signed out here')
    expect(pageOf(await browser.open(world.request(client))).says).toContain('Sign in to use main')
  })

  it('of more groups than a browser can keep has an incomplete list of them', async () => {
    const world = await startWorld({
      servers: 'server: http://127.0.0.1:9/mcp\nallow: ["group:g1"]\ndeny: ["group:never-there"]',
    })
    const groups = Array.from({ length: 600 }, (_, index) => `g${index}-${'x'.repeat(40)}`)
    world.idp.knobs.idToken = (claims) => ({ ...claims, groups: ['g1', ...groups] })
    const browser = world.browser()
    const client = await world.register()
    await walk(browser, world.request(client), { as: alice }).catch(() => undefined)
    const page = pageOf(await browser.open(world.request(client)))
    expect([page.status, page.says]).toEqual([403, expect.stringContaining('groups_incomplete')])
  })
})

describe('an authorization request', () => {
  const asked = async (params: Record<string, string | string[] | undefined>, options = {}) => {
    const world = await startWorld(options)
    const client = await world.register()
    return { world, client, at: await world.browser().open(world.request(client, params)) }
  }

  it.each<[string, Record<string, string | string[] | undefined>, string]>([
    ['without a response type', { response_type: undefined }, 'invalid_request'],
    ['for a token', { response_type: 'token' }, 'unsupported_response_type'],
    ['in another response mode', { response_mode: 'fragment' }, 'invalid_request'],
    ['with a request object', { request: 'e30.e30.' }, 'request_not_supported'],
    ['with a request by reference', { request_uri: 'https://client.example/r' }, 'request_uri_not_supported'],
    ['for a resource that is not here', { resource: 'https://elsewhere.example/mcp' }, 'invalid_target'],
    ['with a scope that is none', { scope: 'mcp "all"' }, 'invalid_scope'],
    ['that asks and forbids to ask', { prompt: 'none login' }, 'invalid_request'],
    ['that forbids to ask where nobody has signed in', { prompt: 'none' }, 'login_required'],
  ])('%s is answered to the client, with state and issuer', async (_, params, error) => {
    const { world, at } = await asked(params)
    expect(Object.fromEntries(answerOf(at))).toMatchObject({ error, state: 'the-state', iss: world.url })
  })

  it.each<[string, Record<string, string | string[] | undefined>, string]>([
    ['of an unknown client', { client_id: 'nobody' }, 'client_unknown'],
    ['without a client', { client_id: undefined }, 'request_malformed'],
    ['with another redirect URI', { redirect_uri: 'http://127.0.0.1:7099/other' }, 'redirect_refused'],
    ['without a redirect URI', { redirect_uri: undefined }, 'request_malformed'],
    ['that says something twice', { state: ['a', 'b'] }, 'request_malformed'],
    ['with two clients', { client_id: ['a', 'b'] }, 'request_malformed'],
  ])('%s is answered here, and nothing leaves', async (_, params, code) => {
    const { at } = await asked(params)
    const page = pageOf(at)
    expect([page.status, page.says]).toEqual([400, expect.stringContaining(code)])
    expect(page.headers.get('location')).toBeNull()
  })

  it('may be a form, and holds what is not known', async () => {
    const world = await startWorld()
    const { searchParams } = world.request(await world.register(), { ui_locales: 'de', unknown: 'x' })
    const answer = await fetch(`${world.url}/oauth2/authorize`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: 'https://client.example' },
      body: searchParams,
    })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, null])
    expect(await answer.text()).toContain('Sign in to use main')
  })

  it('names its resource where there are several servers, and means the only one where it names none', async () => {
    const servers = `servers:
  a: { url: "http://127.0.0.1:9/mcp", allow: [anyone] }
  b: { url: "http://127.0.0.1:9/mcp", allow: [anyone] }`
    const several = await asked({}, { servers })
    expect(answerOf(several.at).get('error')).toBe('invalid_target')
    const { world, client } = several
    const [a, b] = [`${world.url}/a/mcp`, `${world.url}/b/mcp`]
    const both = await world.browser().open(world.request(client, { resource: [a, b] }))
    expect(answerOf(both).get('error')).toBe('invalid_target')
    expect(pageOf(await world.browser().open(world.request(client, { resource: b }))).says).toContain('use b')
    expect(pageOf((await asked({})).at).says).toContain('use main')
  })

  it('is only for the servers and grants that its client is configured for', async () => {
    const servers = `servers:
  a: { url: "http://127.0.0.1:9/mcp", allow: [anyone] }
  b: { url: "http://127.0.0.1:9/mcp", allow: [anyone] }`
    const more = `clients:
  one: { id: one, redirects: ["${callback}"], servers: [a] }
  batch: { id: batch, secret: file:other, redirects: ["${callback}"], grants: [client_credentials] }`
    const world = await startWorld({ servers, more, files: { other: 'another secret of a client' } })
    const at = (client: string) =>
      world.browser().open(world.request(client, { resource: `${world.url}/b/mcp` }))
    expect(answerOf(await at('one')).get('error')).toBe('unauthorized_client')
    expect(answerOf(await at('batch')).get('error')).toBe('unauthorized_client')
  })

  it('that begins at another name of this machine goes on where the issuer is', async () => {
    const world = await startWorld()
    const elsewhere = world.request(await world.register())
    elsewhere.hostname = 'localhost'
    const left = await walk(world.browser(), elsewhere, { as: alice })
    expect(left.searchParams.has('code')).toBe(true)
  })
})

describe('metadata', () => {
  it('says what is served, at both well-known places and on both listeners, to every page', async () => {
    const world = await startWorld()
    for (const face of [world.url, world.running.faces.public!.url])
      for (const name of ['oauth-authorization-server', 'openid-configuration']) {
        const answer = await fetch(`${face}/.well-known/${name}`, {
          headers: { origin: 'https://page.example' },
        })
        expect(answer.headers.get('access-control-allow-origin')).toBe('*')
        expect(await answer.json()).toMatchObject({
          issuer: world.url,
          authorization_endpoint: `${world.url}/oauth2/authorize`,
          token_endpoint: `${world.url}/oauth2/token`,
          registration_endpoint: `${world.url}/oauth2/register`,
          response_types_supported: ['code'],
          code_challenge_methods_supported: ['S256'],
          grant_types_supported: expect.arrayContaining([
            'authorization_code',
            'refresh_token',
            'client_credentials',
          ]),
          authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
          authorization_response_iss_parameter_supported: true,
          client_id_metadata_document_supported: true,
        })
      }
    const resource = await fetch(`${world.url}/.well-known/oauth-protected-resource/mcp`)
    expect(await resource.json()).toMatchObject({ authorization_servers: [world.url] })
  })

  it('is asked for by a page with a preflight, and so is registration', async () => {
    const world = await startWorld()
    const preflight = await fetch(`${world.url}/oauth2/register`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://page.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*'])
    expect(preflight.headers.get('access-control-allow-headers')).toContain('content-type')
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
    const { status, headers } = await postJson(
      `${world.url}/oauth2/register`,
      { redirect_uris: [callback] },
      { origin: 'https://page.example' },
    )
    expect([status, headers.get('access-control-allow-origin')]).toEqual([201, '*'])
  })

  it('of an issuer with a path stands behind it and before it (RFC 8414 §3.1)', async () => {
    const world = await startWorld({ servers: 'server: http://127.0.0.1:9/mcp\nallow: [anyone]' })
    const { metadataPaths } = await import('../../src/signin/metadata.ts')
    expect(metadataPaths(`${world.url}/broker`).oauth).toEqual([
      '/.well-known/oauth-authorization-server',
      '/.well-known/oauth-authorization-server/broker',
      '/broker/.well-known/oauth-authorization-server',
    ])
  })

  it('names no registration where it is off, and neither this nor a page is there in direct mode', async () => {
    const off = await startWorld({ more: 'sign_in: { registration: off }' })
    const document = await (await fetch(`${off.url}/.well-known/oauth-authorization-server`)).json()
    expect(document).not.toHaveProperty('registration_endpoint')
    expect((await postJson(`${off.url}/oauth2/register`, { redirect_uris: [callback] })).status).toBe(404)
    const direct = await startWorld({ login: 'mode: direct' })
    expect((await fetch(`${direct.url}/.well-known/oauth-authorization-server`)).status).toBe(404)
    expect((await fetch(direct.request('x'))).status).toBe(404)
    const resource = await fetch(`${direct.url}/.well-known/oauth-protected-resource/mcp`)
    expect(await resource.json()).toMatchObject({ authorization_servers: [direct.idp.issuer] })
    expect(challenge).toHaveLength(43)
  })
})

describe('the way to the IdP', () => {
  it('is taken anew, as a client asks for it', async () => {
    const world = await startWorld()
    const browser = world.browser()
    const client = await world.register()
    await walk(browser, world.request(client), { as: alice })
    const prompts = async (prompt: string) => {
      const before = world.idp.asked.length
      await walk(browser, world.request(client, { prompt }), { as: alice })
      return world.idp.asked
        .slice(before)
        .flatMap(({ endpoint, form }) => (endpoint === 'authorize' ? [form['prompt']] : []))
    }
    expect([await prompts('login'), await prompts('select_account'), await prompts('consent')]).toEqual([
      ['login'],
      ['select_account'],
      [],
    ])
  })

  it('that nobody answers at is a page that says to try again, and the client is told nothing', async () => {
    const world = await startWorld()
    world.idp.knobs.down = 503
    const ended = await walk(world.browser(), world.request(await world.register()), { as: alice }).then(
      String,
      String,
    )
    expect(ended).toContain('ends with 503')
    expect(ended).toContain('idp_unavailable')
  })

  it('of an app of its own ends on a page that opens it', async () => {
    const world = await startWorld()
    const cursor = 'cursor://anysphere.cursor-mcp/oauth/callback'
    const browser = world.browser()
    const client = await world.register({ redirect_uris: [cursor] })
    await world.visit(browser, alice)
    const page = pageOf(await browser.open(world.request(client, { redirect_uri: cursor })))
    expect(page.says).toContain('Nobody has verified this app')
    const [form] = page.forms
    const opened = pageOf(await browser.submit(page, form!, { button: form!.buttons[0]! }))
    expect([opened.status, opened.links[0]!.to.href]).toEqual([
      200,
      expect.stringContaining(`${cursor}?code=`),
    ])
  })
})

describe('the sign-in of dev', () => {
  it('asks who one is, and that is who one is', async () => {
    const running = await startInstance({
      form: 'dev',
      front: 'gateway',
      config: () => 'server: http://127.0.0.1:9/mcp\nallow: ["group:crm-users"]\n',
    })
    const url = running.faces.gateway!.url
    const registered = await postJson(`${url}/oauth2/register`, {
      redirect_uris: [callback],
      token_endpoint_auth_method: 'none',
    })
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: String(registered.body['client_id']),
      redirect_uri: callback,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    })
    const go = (username: string) =>
      walk(createBrowser({ leaveAt: callback }), `${url}/oauth2/authorize?${query.toString()}`, {
        as: { username, password: '' },
      })
    expect((await go('alice')).searchParams.has('code')).toBe(true)
    expect(await go('admin').then(String, String)).toContain('not_allowed')
  })
})
