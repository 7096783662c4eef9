/** What each IdP says where one setting is wrong, and which one is named for it. Bodies as they are documented. */
import { describe, expect, test } from 'vitest'
import { Secret } from '../../src/model/index.ts'
import { unsignedJwt } from '../kit/provider.ts'
import { examine } from './rig.ts'
import { type Answer, refusal, type Script, sentBack, startScripted, token } from './scripted-idp.ts'

const redirect = 'https://crm.example/login/callback'
const person = (issuer: string, more: object = {}): Secret =>
  new Secret(
    unsignedJwt({ iss: issuer, sub: 'alice', aud: 'sallyport', scope: 'openid', ...more }),
    'subject',
  )

interface Setting {
  readonly credential?: string
  readonly login?: string
  /** Claims of a person's token for the trial; none without. */
  readonly subject?: object
}

async function look(script: Script, setting: Setting = {}) {
  const idp = await startScripted(script)
  const { credential, login = '', subject } = setting
  const found = await examine({
    config: `
url: https://crm.example
login: { issuer: "${idp.issuer}", client: { id: sallyport, secret: file:secret }${login} }
servers: { crm: { allow: [anyone], direct: [${credential === undefined ? '' : 'orders'}] } }
${
  credential === undefined
    ? ''
    : `downstreams:
  orders: { url: http://127.0.0.1:9, operations: [{ op: GET /x, class: read }], ${credential} }`
}
`,
    files: { secret: 'the-secret-of-the-client' },
    words: subject === undefined ? {} : { subject: person(idp.issuer, subject) },
  })
  // No downstream listens in these tests.
  const wrong = found.wrong.filter((code) => code !== 'port_closed')
  const settings = found.findings.filter(({ code }) => wrong.includes(code)).map(({ setting }) => setting)
  expect(found.text).not.toContain('the-secret-of-the-client')
  expect(found.text).not.toContain('foreign words')
  return { idp, found, wrong, setting: settings[0] ?? '' }
}

const exchange = 'exchange: { audience: orders-api, scope: orders.read }'
const aadsts = (error: string, number: number): Answer =>
  refusal(error, `AADSTS${number}: foreign words`, { error_codes: [number] })

/** The client is taken; what it exchanges is answered so. */
const exchanging =
  (answer: Answer): NonNullable<Script['token']> =>
  ({ grant_type: grant, scope = '' }) => {
    if (grant === 'authorization_code') return refusal('invalid_grant', 'foreign words')
    if (grant === 'client_credentials' && scope.endsWith('/.default')) return token({ iss: 'x' })
    return answer
  }

describe('Entra', () => {
  const shape = 'entra'
  const onBehalf = 'exchange: { flavour: entra-obo, scope: "api://orders/orders.read" }'

  test('on behalf of a person, as calls are', async () => {
    const answer = token(
      { oid: 'o', tid: 't', aud: 'orders', scp: 'orders.read' },
      { scope: 'api://orders/orders.read' },
    )
    const forms: Readonly<Record<string, string>>[] = []
    const script: Script = {
      shape,
      token: (form, issuer) => {
        forms.push(form)
        return exchanging(answer)(form, issuer)
      },
    }
    const { found, wrong } = await look(script, { credential: onBehalf, subject: { oid: 'o', tid: 't' } })
    expect(wrong).toEqual([])
    expect(found.findings.map(({ code }) => code)).toContain('exchange_works')
    expect(forms.at(-1)).toMatchObject({
      requested_token_use: 'on_behalf_of',
      scope: 'api://orders/orders.read',
    })
  })

  test('without a person says that the exchange was not tried, and that the client is taken', async () => {
    const script = { shape, token: exchanging(aadsts('invalid_grant', 50027)) } as const
    const { found, wrong } = await look(script, { credential: onBehalf })
    expect(wrong).toEqual([])
    expect(found.untried).toContain('exchange_without_person')
  })

  test.each([
    [90002, 'entra_tenant_unknown', 'login.issuer'],
    [700016, 'entra_app_unknown', 'login.client.id'],
    [7000215, 'entra_secret_wrong', 'login.client.secret'],
    [7000222, 'entra_secret_expired', 'New client secret'],
    [700027, 'entra_key_unknown', 'Certificates'],
    [500011, 'entra_scope_unexposed', 'Expose an API'],
  ])('AADSTS%i', async (number, code, setting) => {
    const { wrong, setting: named } = await look({ shape, token: () => aadsts('invalid_client', number) })
    expect(wrong).toEqual([code])
    expect(named).toContain(setting)
  })

  test('AADSTS50011, on the page for people', async () => {
    const { wrong, setting } = await look({
      shape,
      token: exchanging(refusal('x')),
      authorize: () => ({ status: 200, body: '<html>AADSTS50011: foreign words' }),
    })
    expect(wrong).toEqual(['entra_redirect_unregistered'])
    expect(setting).toContain('Authentication › Web › Redirect URIs')
  })

  test.each([
    [70003, 'entra_grant_unsupported', 'downstreams.orders'],
    [65001, 'entra_consent_missing', 'Grant admin consent'],
    [500131, 'entra_assertion_audience', 'Expose an API'],
    [50013, 'entra_assertion_refused', '--subject'],
    [500011, 'entra_resource_unknown', 'downstreams.orders.exchange.scope'],
    [70011, 'entra_scope_invalid', 'downstreams.orders.exchange.scope'],
  ])('AADSTS%i of an exchange', async (number, code, setting) => {
    const script = { shape, token: exchanging(aadsts('invalid_grant', number)) } as const
    const credential = number === 70003 ? exchange : onBehalf
    const { wrong, setting: named } = await look(script, { credential, subject: {} })
    expect(wrong).toEqual([code])
    expect(named).toContain(setting)
  })

  test('AADSTS50076 is the person’s to do, and nothing is wrong', async () => {
    const script = { shape, token: exchanging(aadsts('interaction_required', 50076)) } as const
    const { wrong, found } = await look(script, { credential: onBehalf, subject: {} })
    expect(wrong).toEqual([])
    expect(found.findings.map(({ code }) => code)).toContain('entra_interaction')
  })

  test('no PKCE in its metadata is fine, and said', async () => {
    const { found, wrong } = await look({ shape, token: exchanging(refusal('x')) })
    expect(wrong).toEqual([])
    expect(found.findings.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['s256_unannounced', 'client_taken', 'redirect_taken']),
    )
  })

  test('tokens of version 1 matter where clients sign in at Entra itself', async () => {
    const script: Script = { shape, token: () => token({ iss: 'https://sts.windows.net/1/' }) }
    expect((await look(script, { login: ', mode: direct' })).wrong).toEqual(['entra_token_version'])
    expect((await look(script)).wrong).toEqual([])
  })

  test('an issuer of every tenant is none', async () => {
    const { wrong, found } = await look({
      shape,
      metadata: (it) => ({ ...it, issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' }),
    })
    expect(wrong).toEqual(['issuer_differs'])
    expect(found.text).toContain('name your own')
  })
})

describe('Okta', () => {
  const shape = 'okta'
  test.each([
    [
      refusal('invalid_client', 'The client secret supplied for a confidential client is invalid.', {}, 401),
      'okta_secret_wrong',
      'login.client.secret',
    ],
    [
      {
        status: 401,
        body: { errorCode: 'invalid_client', errorSummary: 'Invalid value for ’client_id’ parameter.' },
      },
      'okta_client_unknown',
      'login.client.id',
    ],
  ] as const)('the client', async (answer, code, setting) => {
    const { wrong, setting: named } = await look({ shape, token: () => answer })
    expect(wrong).toEqual([code])
    expect(named).toBe(setting)
  })

  test('a redirect URI that is not registered', async () => {
    const { wrong, setting } = await look({
      shape,
      authorize: () => ({ status: 400, body: 'foreign words' }),
    })
    expect(wrong).toEqual(['okta_redirect_unregistered'])
    expect(setting).toContain('Sign-in redirect URIs')
  })

  test('no refresh token grant', async () => {
    const { wrong } = await look({
      shape,
      authorize: (query) =>
        sentBack(
          query,
          query['scope']?.includes('offline_access') === true ? 'invalid_scope' : 'login_required',
        ),
    })
    expect(wrong).toEqual(['okta_refresh_grant_off'])
  })

  test.each([
    ['unauthorized_client', {}, 'okta_exchange_grant_off', 'Token Exchange'],
    ['access_denied', {}, 'okta_policy', 'Access Policies'],
    ['invalid_scope', {}, 'okta_scope_unknown', 'Add Scope'],
    [
      'invalid_grant',
      { iss: 'https://other.example/oauth2/aus2' },
      'okta_server_untrusted',
      'Trusted servers',
    ],
    ['invalid_grant', {}, 'subject_refused', '--subject'],
    ['invalid_target', {}, 'okta_audience_fixed', 'downstreams.orders.exchange.audience'],
  ])('%s of an exchange', async (error, subject, code, setting) => {
    const script = { shape, token: exchanging(refusal(error, 'foreign words')) } as const
    const { wrong, setting: named } = await look(script, { credential: exchange, subject })
    expect(wrong).toEqual([code])
    expect(named).toContain(setting)
  })

  test('one audience, whatever is asked for', async () => {
    const answer = token(
      { sub: 'alice', aud: 'api://default', scope: 'orders.read' },
      { scope: 'orders.read' },
    )
    const { wrong } = await look({ shape, token: exchanging(answer) }, { credential: exchange, subject: {} })
    expect(wrong).toEqual(['okta_audience_fixed'])
  })

  test('no refresh token by exchange', async () => {
    const { wrong } = await look(
      { shape },
      { credential: 'exchange: { audience: a, scope: b, refresh: true }' },
    )
    expect(wrong).toEqual(['okta_no_refresh'])
  })

  test('the org authorization server exchanges nothing', async () => {
    const { wrong } = await look({ shape: 'okta-org' }, { credential: exchange })
    expect(wrong).toEqual(['okta_org_server'])
  })

  test('client credentials', async () => {
    const script = { shape, token: exchanging(refusal('unauthorized_client', 'foreign words')) } as const
    const { wrong } = await look(script, { credential: 'client-credentials: { audience: a, scope: b }' })
    expect(wrong).toEqual(['okta_credentials_grant_off'])
  })
})

describe('Auth0', () => {
  const shape = 'auth0'
  test.each([
    [refusal('access_denied', 'Unauthorized', {}, 401), 'auth0_client_refused', 'login.client.secret'],
    [refusal('unauthorized_client', 'Unknown client: x', {}, 403), 'auth0_client_unknown', 'login.client.id'],
  ])('the client', async (answer, code, setting) => {
    const { wrong, setting: named } = await look({ shape, token: () => answer })
    expect(wrong).toEqual([code])
    expect(named).toBe(setting)
  })

  test('a callback URL that is not allowed', async () => {
    const { wrong } = await look({ shape, authorize: () => ({ status: 403, body: 'foreign words' }) })
    expect(wrong).toEqual(['auth0_callback_unregistered'])
  })

  test.each([
    ['access_denied', 'Service not enabled within domain: foreign words', 'auth0_api_unknown', '.audience'],
    [
      'access_denied',
      'Client is not authorized to access foreign words',
      'auth0_api_unauthorized',
      'Machine to Machine',
    ],
    [
      'unauthorized_client',
      "Grant type 'foreign words' not allowed for the client.",
      'auth0_grant_off',
      'Grant Types',
    ],
  ])('%s: %s', async (error, description, code, setting) => {
    const script = { shape, token: exchanging(refusal(error, description, {}, 403)) } as const
    const { wrong, setting: named } = await look(script, { credential: exchange, subject: {} })
    expect(wrong).toEqual([code])
    expect(named).toContain(setting)
  })
})

describe('any other IdP', () => {
  const shape = 'other'
  test('a wrong secret is the one thing to mend: the exchange is not looked at', async () => {
    const script: Script = { shape, token: () => refusal('invalid_client', 'foreign words', {}, 401) }
    const { found, wrong } = await look(script, { credential: exchange, subject: {} })
    expect(wrong).toEqual(['client_refused'])
    expect(found.findings.find(({ code }) => code === 'step_skipped')?.says).toContain(
      'the credential of orders',
    )
  })

  test('an error in no word of OAuth is not repeated', async () => {
    const script = { shape, token: exchanging(refusal('foreign words', 'foreign words')) } as const
    const { found, wrong } = await look(script, { credential: exchange, subject: {} })
    expect(wrong).toEqual(['exchange_refused'])
    expect(found.text).toContain('an error of its own')
  })

  test.each([
    ['invalid_client', 'client_refused'],
    ['unauthorized_client', 'grant_refused'],
    ['invalid_target', 'target_refused'],
    ['invalid_scope', 'scope_refused'],
    ['invalid_request', 'subject_refused'],
    ['something_else', 'exchange_refused'],
  ])('%s of an exchange', async (error, code) => {
    const script = { shape, token: exchanging(refusal(error, 'foreign words')) } as const
    expect((await look(script, { credential: exchange, subject: {} })).wrong).toEqual([code])
  })

  test('a wrong secret', async () => {
    const { wrong } = await look({ shape, token: () => refusal('invalid_client', 'foreign words', {}, 401) })
    expect(wrong).toEqual(['client_refused'])
  })

  test.each([
    ['invalid_scope', 'login_scope_refused'],
    ['unauthorized_client', 'login_refused'],
  ])('a sign-in answered %s', async (error, code) => {
    expect((await look({ shape, authorize: (query) => sentBack(query, error) })).wrong).toEqual([code])
  })

  test('a redirect URI that is not registered', async () => {
    const { wrong, setting } = await look({ shape, authorize: () => ({ status: 400, body: '' }) })
    expect(wrong).toEqual(['redirect_unregistered'])
    expect(setting).toContain('sallyport')
  })

  test('a page that says neither', async () => {
    const { wrong, found } = await look({ shape, authorize: () => ({ status: 200, body: 'foreign words' }) })
    expect(wrong).toEqual([])
    expect(found.untried).toContain('redirect_untried')
  })

  test('a token endpoint that answers no JSON', async () => {
    const script: Script = { shape, token: () => ({ status: 200, body: 'foreign words' }) }
    const { found, wrong } = await look(script, { credential: exchange, subject: {} })
    expect(found.untried).toContain('client_untried')
    expect(wrong).toEqual(['exchange_failed'])
  })

  test('without a person nothing is said of the exchange', async () => {
    const script = { shape, token: exchanging(refusal('invalid_request', 'foreign words')) } as const
    const { found, wrong } = await look(script, { credential: exchange })
    expect(wrong).toEqual([])
    expect(found.untried).toContain('exchange_without_person')
  })

  test.each([
    [{ aud: 'billing-api', scope: 'orders.read' }, 'answer_audience'],
    [{ aud: 'orders-api', scope: 'orders.read orders.write' }, 'answer_scope'],
    [{ aud: 'orders-api', scope: 'orders.read', sub: 'mallory' }, 'answer_other'],
  ])('an answer that would not be used: %o', async (claims, code) => {
    const answer = token({ sub: 'alice', ...claims })
    const script = { shape, token: exchanging(answer) } as const
    expect((await look(script, { credential: exchange, subject: {} })).wrong).toEqual([code])
  })

  test('client credentials that work', async () => {
    const answer = token({ sub: 'sallyport', aud: 'a', scope: 'b' })
    const script = { shape, token: exchanging(answer) } as const
    const { found, wrong } = await look(script, {
      credential: 'client-credentials: { audience: a, scope: b }',
    })
    expect(wrong).toEqual([])
    expect(found.findings.map(({ code }) => code)).toContain('credentials_work')
  })
})

describe('metadata', () => {
  const shape = 'other'
  test.each<[string, Partial<Script>, string]>([
    [
      'no S256',
      { metadata: (it) => ({ ...it, code_challenge_methods_supported: ['plain'] }) },
      's256_absent',
    ],
    ['no endpoint for people', { metadata: ({ authorization_endpoint: _, ...it }) => it }, 'endpoint_absent'],
    ['no JSON', { metadata: () => '<html>' }, 'metadata_unreadable'],
    [
      'another issuer',
      { metadata: (it) => ({ ...it, issuer: 'https://idp.example/other' }) },
      'issuer_differs',
    ],
    ['a server error', { status: 503 }, 'metadata_failing'],
    ['nothing there', { status: 404 }, 'metadata_absent'],
    [
      'no way for the client to authenticate',
      { metadata: (it) => ({ ...it, token_endpoint_auth_methods_supported: ['tls_client_auth'] }) },
      'client_authentication_unlisted',
    ],
    ['a clock that is far away', { date: 'Tue, 01 Jan 2030 00:00:00 GMT' }, 'clock_apart'],
  ])('%s', async (_what, script, code) => {
    const { wrong, found } = await look({ shape, ...script })
    expect(wrong).toEqual([code])
    expect(found.exit).toBe(1)
  })

  test('no offline_access is worth a note', async () => {
    const { found, wrong } = await look({
      shape,
      metadata: (it) => ({ ...it, scopes_supported: ['openid'] }),
    })
    expect(wrong).toEqual([])
    expect(found.findings.map(({ code }) => code)).toContain('offline_access_absent')
  })

  test('no word about PKCE is worth a note', async () => {
    const { found } = await look({ shape, metadata: ({ code_challenge_methods_supported: _, ...it }) => it })
    expect(found.findings.map(({ code }) => code)).toContain('s256_unknown')
  })

  test('the redirect URI to be registered is printed exactly', async () => {
    const { found } = await look({ shape })
    const { says } = found.findings.find(({ code }) => code === 'redirect_needed') ?? {}
    expect(says).toMatch(new RegExp(`: ${redirect.replaceAll('.', '\\.')}$`))
  })
})
