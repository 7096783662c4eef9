import { describe, expect, test } from 'vitest'
import { asSallyportError, SallyportError } from '../../src/model/index.ts'
import { oauthError } from '../kit/provider.ts'
import { codeOf, exchanged, type Rig, rig, systemOwned } from './rig.ts'

/** Shapes as the vendors send them (their documentation; Keycloak 26.7 as it answered). */
const exchangeErrors: readonly (readonly [string, () => Response, string])[] = [
  ['RFC 8693: bad subject token', () => oauthError('invalid_request'), 'exchange_subject_refused'],
  [
    'Keycloak: subject token of an ended session',
    () => oauthError('invalid_request', 400, { error_description: 'Invalid token' }),
    'exchange_subject_refused',
  ],
  ['RFC 7523: assertion refused', () => oauthError('invalid_grant'), 'exchange_subject_refused'],
  ['RFC 8693: unacceptable target', () => oauthError('invalid_target'), 'exchange_target_refused'],
  [
    'Keycloak: unknown audience',
    () => oauthError('invalid_client', 400, { error_description: 'Audience not found' }),
    'exchange_target_refused',
  ],
  [
    'Keycloak: audience not mapped',
    () =>
      oauthError('invalid_request', 400, {
        error_description: 'Requested audience not available: billing-api',
      }),
    'exchange_target_refused',
  ],
  [
    'Keycloak: unknown scope',
    () => oauthError('invalid_scope', 400, { error_description: 'Invalid scopes: nonsense' }),
    'exchange_target_refused',
  ],
  [
    'Keycloak: requester not in the subject token',
    () => oauthError('access_denied', 403, { error_description: 'Client is not within the token audience' }),
    'exchange_target_refused',
  ],
  [
    'Keycloak: exchange switched off',
    () =>
      oauthError('invalid_request', 400, {
        error_description: 'Standard token exchange is not enabled for the requested client',
      }),
    'exchange_misconfigured',
  ],
  ['Keycloak: wrong client secret', () => oauthError('unauthorized_client', 401), 'exchange_misconfigured'],
  [
    'RFC 6749: wrong client secret with a challenge',
    () => oauthError('invalid_client', 401, {}, { 'www-authenticate': 'Basic realm="x"' }),
    'exchange_misconfigured',
  ],
  ['unsupported grant', () => oauthError('unsupported_grant_type'), 'exchange_misconfigured'],
  ['an error nobody knows', () => oauthError('brand_new'), 'exchange_misconfigured'],
  ['an error called like a method of objects', () => oauthError('constructor'), 'exchange_misconfigured'],
  [
    'Entra: multi-factor needed',
    () => oauthError('interaction_required', 400, { error_codes: [50076], claims: '{}' }),
    'interaction_required',
  ],
  [
    'Entra: consent needed',
    () => oauthError('invalid_grant', 400, { suberror: 'consent_required', error_codes: [65001] }),
    'interaction_required',
  ],
  [
    'Okta: link needed',
    () => oauthError('interaction_required', 400, { interaction_uri: 'https://okta.example' }),
    'interaction_required',
  ],
  [
    'ID-JAG: step-up needed',
    () => oauthError('insufficient_user_authentication', 400, { max_age: 60 }),
    'interaction_required',
  ],
  ['Entra: busy', () => oauthError('invalid_request', 400, { error_codes: [90033] }), 'exchange_unavailable'],
  ['busy', () => oauthError('temporarily_unavailable', 503), 'exchange_unavailable'],
  ['too many requests', () => oauthError('invalid_request', 429), 'exchange_unavailable'],
  ['a proxy instead of the server', () => new Response('<html>', { status: 502 }), 'exchange_unavailable'],
  [
    'a redirect',
    () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }),
    'exchange_misconfigured',
  ],
  [
    'a page instead of a token',
    () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
    'exchange_response_refused',
  ],
  [
    'broken JSON',
    () => new Response('{', { headers: { 'content-type': 'application/json' } }),
    'exchange_response_refused',
  ],
  ['an empty object', () => Response.json({}), 'exchange_response_refused'],
  [
    'a number for a token',
    () => Response.json({ access_token: 1, token_type: 'Bearer' }),
    'exchange_response_refused',
  ],
]

async function exchangeCode({ exchange, need, provider, hand }: Rig): Promise<string> {
  hand()
  return codeOf(() => exchange.acquire(need(exchanged(provider.issuer))))
}

describe('an error of the provider', () => {
  test.each(exchangeErrors)('%s', async (_shape, respond, code) => {
    const it = rig()
    it.provider.knobs.respond = respond
    expect(await exchangeCode(it)).toBe(code)
  })

  test('means something else with client credentials: there is no subject to blame', async () => {
    const { exchange, need, provider } = rig()
    provider.knobs.respond = () => oauthError('invalid_grant')
    expect(await codeOf(() => exchange.acquire(need(systemOwned(provider.issuer))))).toBe(
      'exchange_misconfigured',
    )
  })

  test('is never shown: neither its text nor its URI', async () => {
    const { exchange, need, provider, hand, events } = rig()
    hand()
    const canary = { error_description: 'canary-text', error_uri: 'https://canary.example', claims: 'canary' }
    provider.knobs.respond = () => oauthError('invalid_target', 400, canary)
    const failure = await Promise.resolve(exchange.acquire(need(exchanged(provider.issuer)))).catch(
      asSallyportError,
    )
    if (!(failure instanceof SallyportError)) throw new Error('it went through')
    expect(JSON.stringify([failure.message, failure.facts, events])).not.toContain('canary')
  })

  test('that may pass is tried once more, and then given up', async () => {
    const it = rig()
    it.provider.knobs.respond = () => oauthError('server_error', 500)
    expect(await exchangeCode(it)).toBe('exchange_unavailable')
    expect(it.provider.calls).toHaveLength(2)
  })

  test('that may pass, and has passed at the second try, is nobody’s business', async () => {
    const it = rig()
    let turn = 0
    it.provider.knobs.respond = () => (++turn === 1 ? oauthError('server_error', 500) : undefined)
    expect(await exchangeCode(it)).toBe('nothing was thrown')
  })

  test('that will not pass is not tried again', async () => {
    const it = rig()
    it.provider.knobs.respond = () => oauthError('invalid_target')
    await exchangeCode(it)
    expect(it.provider.calls).toHaveLength(1)
  })

  test.each([
    ['seconds', '120'],
    ['a date', new Date((1_800_000_000 + 120) * 1000).toUTCString()],
  ])('with Retry-After as %s keeps us away that long, whoever asks', async (_form, value) => {
    const it = rig()
    const { exchange, need, provider, hand, clock } = it
    provider.knobs.respond = () => oauthError('slow_down', 429, {}, { 'retry-after': value })
    hand({}, {}, 3000)
    hand({ subject: 'bob' }, {}, 3000)
    const failure = await Promise.resolve(exchange.acquire(need(exchanged(provider.issuer)))).catch(
      asSallyportError,
    )
    expect(failure).toMatchObject({ code: 'exchange_unavailable', facts: { retryAfter: 120 } })
    provider.knobs.respond = undefined
    clock.advance(119)
    const bob = () => exchange.acquire(need(exchanged(provider.issuer), { subject: 'bob' }))
    expect(await codeOf(bob)).toBe('exchange_unavailable')
    expect(provider.calls).toHaveLength(1)
    clock.advance(1)
    expect(await codeOf(bob)).toBe('nothing was thrown')
  })

  test('with a Retry-After of a week keeps us away for five minutes', async () => {
    const it = rig()
    it.provider.knobs.respond = () => oauthError('slow_down', 429, {}, { 'retry-after': '604800' })
    await exchangeCode(it)
    it.provider.knobs.respond = undefined
    it.clock.advance(300)
    expect(await exchangeCode(it)).toBe('nothing was thrown')
  })

  test('in discovery is not remembered', async () => {
    const it = rig()
    it.provider.knobs.metadata = { token_endpoint: 'not a URL' }
    expect(await exchangeCode(it)).toBe('exchange_misconfigured')
    it.provider.knobs.metadata = {}
    expect(await exchangeCode(it)).toBe('nothing was thrown')
  })
})
