/** One switch wrong at a time, at a real Keycloak: exactly that switch is named. Clients are the test's own. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { examine } from '../doctor/rig.ts'
import { parts, passwordToken } from '../kit/parts.ts'
import { Secret } from '../../src/model/index.ts'

const { keycloak } = parts()
const at = keycloak as NonNullable<typeof keycloak>
const url = 'https://crm.doctor.example'
const redirect = `${url}/login/callback`
/** Stands for the MCP server, of which doctor asks only whether it is there. */
const listener = createServer((_request, response) => response.writeHead(405).end())
let server = ''

type Representation = Record<string, any>

/** As docs/idps/keycloak.md tells to set it up. */
const right = (clientId: string): Representation => ({
  clientId,
  secret: 'a-secret-of-the-doctor',
  publicClient: false,
  standardFlowEnabled: true,
  serviceAccountsEnabled: true,
  redirectUris: [redirect],
  attributes: {
    'standard.token.exchange.enabled': 'true',
    'standard.token.exchange.enableRefreshRequestedTokenType': 'SAME_SESSION',
    'pkce.code.challenge.method': 'S256',
  },
  defaultClientScopes: ['basic', 'acr', 'roles', 'profile', 'email'],
  optionalClientScopes: ['offline_access', 'orders.read'],
  protocolMappers: [
    {
      name: 'audience orders-api',
      protocol: 'openid-connect',
      protocolMapper: 'oidc-audience-mapper',
      config: { 'included.client.audience': 'orders-api', 'access.token.claim': 'true' },
    },
  ],
})

let administrator = ''

async function create(client: Representation): Promise<void> {
  const answer = await fetch(`${at.adminUrl}/clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${administrator}`, 'content-type': 'application/json' },
    body: JSON.stringify(client),
  })
  expect(answer.status, await answer.text()).toBe(201)
}

let serial = 0

interface Change {
  /** What is set otherwise at Keycloak. */
  readonly client?: (client: Representation) => Representation
  /** Parts of the configuration. */
  readonly credential?: string
  readonly login?: string
  readonly secret?: string
  readonly id?: string
  readonly exchange?: string
  readonly words?: Parameters<typeof examine>[0]['words']
}

async function look({ client = (it) => it, secret, id, exchange, words, ...more }: Change) {
  const own = `doctor-${++serial}-${Math.random().toString(36).slice(2, 8)}`
  await create(client(right(own)))
  const found = await examine({
    config: `
url: ${url}
login: { issuer: "${at.issuer}", client: { id: ${id ?? own}, secret: file:secret }${more.login ?? ''} }
servers:
  crm: { url: ${server}/mcp, audiences: [sallyport], allow: [anyone] }
downstreams:
  orders:
    url: ${at.baseUrl}
    operations: [{ op: GET /realms/acme, class: read }]
    ${more.credential ?? `exchange: { ${exchange ?? 'audience: orders-api, scope: orders.read'} }`}
`,
    files: { secret: secret ?? 'a-secret-of-the-doctor' },
    // The public URL of a test leads nowhere: that is another step's.
    words: { seconds: 10, ...words },
  })
  return { own, found }
}

describe.skipIf(keycloak === undefined)('doctor at Keycloak', () => {
  beforeAll(async () => {
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    server = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
    const answer = await fetch(`${at.baseUrl}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'password',
        client_id: 'admin-cli',
        username: at.admin.user,
        password: at.admin.password,
      }),
    })
    administrator = ((await answer.json()) as { access_token: string }).access_token
  })

  afterAll(() => listener.close())

  test('set up as the page says: nothing is wrong, and the exchange was done', async () => {
    const { found } = await look({ words: { calls: ['orders GET /realms/acme'] } })
    expect(found.wrong).toEqual([])
    const codes = found.findings.map(({ code }) => code)
    expect(codes).toEqual(
      expect.arrayContaining([
        'clock_agrees',
        'metadata_read',
        'client_taken',
        'redirect_taken',
        'exchange_works',
        'downstream_reached',
        'call_done',
      ]),
    )
  })

  const cases: readonly [what: string, change: Change, code: string, setting: RegExp][] = [
    ['an unknown client id', { id: 'nobody-like-this' }, 'keycloak_client_unknown', /^login\.client\.id$/],
    [
      'a client that is switched off',
      { client: (it) => ({ ...it, enabled: false }) },
      'keycloak_client_disabled',
      /Enabled$/,
    ],
    ['a wrong secret', { secret: 'another' }, 'keycloak_secret_wrong', /^login\.client\.secret$/],
    [
      'a public client',
      { client: (it) => ({ ...it, publicClient: true, serviceAccountsEnabled: false }) },
      'keycloak_client_public',
      /Capability config › Client authentication$/,
    ],
    [
      'another client authenticator',
      { client: (it) => ({ ...it, clientAuthenticatorType: 'client-jwt' }) },
      'keycloak_authenticator_other',
      /Client Authenticator$/,
    ],
    [
      'no standard flow',
      { client: (it) => ({ ...it, standardFlowEnabled: false }) },
      'keycloak_standard_flow_off',
      /Standard flow$/,
    ],
    [
      'no redirect URI',
      { client: (it) => ({ ...it, redirectUris: ['https://elsewhere.example/callback'] }) },
      'keycloak_redirect_unregistered',
      /Valid redirect URIs$/,
    ],
    [
      'no offline_access',
      { client: (it) => ({ ...it, optionalClientScopes: ['orders.read'] }) },
      'keycloak_offline_access_unassigned',
      /offline_access \(Optional\)$/,
    ],
    [
      'another PKCE method',
      {
        client: (it) => ({
          ...it,
          attributes: { ...it['attributes'], 'pkce.code.challenge.method': 'plain' },
        }),
      },
      'keycloak_pkce_other',
      /PKCE Method$/,
    ],
    [
      'no token exchange',
      { client: (it) => ({ ...it, attributes: {} }) },
      'keycloak_exchange_off',
      /Standard Token Exchange$/,
    ],
    [
      'no refresh token by exchange',
      {
        client: (it) => ({ ...it, attributes: { 'standard.token.exchange.enabled': 'true' } }),
        exchange: 'audience: orders-api, scope: orders.read, refresh: true',
      },
      'keycloak_exchange_refresh_off',
      /Allow refresh token in Standard Token Exchange › Same session$/,
    ],
    [
      'an audience that is no client',
      { exchange: 'audience: nobody-like-this, scope: orders.read' },
      'keycloak_audience_unknown',
      /^downstreams\.orders\.exchange\.audience$/,
    ],
    [
      'no Audience mapper',
      { client: (it) => ({ ...it, protocolMappers: [] }) },
      'keycloak_audience_unmapped',
      /Add mapper › By configuration › Audience › Included Client Audience: orders-api$/,
    ],
    [
      'a scope that is not assigned',
      { client: (it) => ({ ...it, optionalClientScopes: ['offline_access'] }) },
      'keycloak_scope_unassigned',
      /Add client scope › orders\.read \(Optional\)$/,
    ],
  ]

  const ownToken = 'client-credentials: { audience: orders-api, scope: orders.read }'
  const more: typeof cases = [
    [
      'scopes of a sign-in that are not assigned',
      { login: ', scope: [openid, orders.write]' },
      'keycloak_login_scope_unassigned',
      /Add client scope$/,
    ],
    [
      'no token of the client itself',
      { client: (it) => ({ ...it, serviceAccountsEnabled: false }), credential: ownToken },
      'keycloak_service_accounts_off',
      /Service account roles$/,
    ],
  ]

  test('obtains the client’s own token, and narrows it', async () => {
    const { found } = await look({ credential: ownToken })
    expect(found.wrong).toEqual([])
    expect(found.findings.map(({ code }) => code)).toContain('credentials_work')
  })

  test('says that the refresh token of an exchange was not tried without a person', async () => {
    const { found } = await look({ exchange: 'audience: orders-api, scope: orders.read, refresh: true' })
    expect(found.wrong).toEqual([])
    expect(found.untried).toContain('exchange_refresh_untried')
  })

  test.each([...cases, ...more])('names the one setting for %s', async (_what, change, code, setting) => {
    const { own, found } = await look(change)
    expect(found.wrong).toEqual([code])
    expect(found.exit).toBe(1)
    expect(found.settings[0]?.replaceAll(own, 'C')).toMatch(setting)
    expect(found.text).not.toContain('a-secret-of-the-doctor')
  })

  test('without a token of its own says what was not tried, and nothing wrong', async () => {
    const { found } = await look({ client: (it) => ({ ...it, serviceAccountsEnabled: false }) })
    expect(found.wrong).toEqual([])
    expect(found.untried).toContain('keycloak_no_canary')
    expect(found.exit).toBe(4)
  })

  test('without a token of its own still names the switch', async () => {
    const { found } = await look({
      client: (it) => ({ ...it, serviceAccountsEnabled: false, attributes: {} }),
    })
    expect(found.wrong).toEqual(['keycloak_exchange_off'])
  })

  test('tries the exchange with a person’s token, refresh token and all', async () => {
    const client = (it: Representation): Representation => ({ ...it, directAccessGrantsEnabled: true })
    const exchange = 'audience: orders-api, scope: orders.read, refresh: true'
    const own = `doctor-person-${Math.random().toString(36).slice(2, 8)}`
    await create(client(right(own)))
    const answer = await fetch(`${at.issuer}/protocol/openid-connect/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${own}:a-secret-of-the-doctor`)}` },
      body: new URLSearchParams({
        grant_type: 'password',
        username: 'alice',
        password: at.users.alice,
        scope: 'openid',
      }),
    })
    const { access_token: token } = (await answer.json()) as { access_token: string }
    const subject = new Secret(token, 'subject token')
    const { found } = await look({ id: own, exchange, words: { subject } })
    expect(found.wrong).toEqual([])
    expect(found.findings.map(({ code }) => code)).toContain('exchange_works')
    expect(found.text).not.toContain(token)
  })

  test('names the mapper of the MCP client where a person’s token is not for us', async () => {
    const { access_token: token } = await passwordToken()
    const { found } = await look({ words: { subject: new Secret(token, 'subject token') } })
    expect(found.wrong).toEqual(['keycloak_subject_audience'])
  })

  test('names an issuer that ends with a slash, and looks at nothing that needs it', async () => {
    const found = await examine({
      config: `
url: ${url}
login: { issuer: "${at.issuer}/", client: { id: sallyport, secret: file:secret } }
servers: { crm: { url: ${server}/mcp, audiences: [sallyport], allow: [anyone] } }
`,
      files: { secret: 'x' },
    })
    expect(found.wrong).toEqual(['issuer_differs'])
    expect(found.findings.find(({ code }) => code === 'issuer_differs')?.says).toContain('without a slash')
    expect(found.untried).toContain('step_skipped')
  })

  test('names a realm that is not there', async () => {
    const found = await examine({
      config: `
url: ${url}
login: { issuer: "${at.baseUrl}/realms/none", client: { id: sallyport, secret: file:secret } }
servers: { crm: { url: ${server}/mcp, audiences: [sallyport], allow: [anyone] } }
`,
      files: { secret: 'x' },
    })
    expect(found.wrong).toEqual(['metadata_absent'])
  })
})
