/**
 * What leaves for a vendor that cannot run here, and what its documented answers become: the whole client stack
 * (openid-client on `fetch`) with the network replaced beneath it.
 */
import nock from 'nock'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { epoch, Secret } from '../../src/model/index.ts'
import { codeOf, exchanged, rig } from './rig.ts'

// The issuer of the rig's people.
const origin = 'https://idp.example'
const issuer = `${origin}/realms/acme`

function vendor() {
  nock(origin)
    .get('/realms/acme/.well-known/openid-configuration')
    .reply(200, {
      issuer,
      token_endpoint: `${issuer}/v1/token`,
      revocation_endpoint: `${issuer}/v1/revoke`,
      jwks_uri: `${issuer}/v1/keys`,
      authorization_endpoint: `${issuer}/v1/authorize`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic'],
    })
  return nock(origin)
}

function world() {
  const { replica, session, need, clock, provider } = rig()
  const exchange = replica((url, init) => fetch(url, init))
  exchange.hand(session(), new Secret(provider.subject(), 'subject token'), epoch(clock.now() + 300))
  return { acquire: () => exchange.acquire(need(exchanged(issuer))) }
}

const basicOf = (value: string): string => decodeURIComponent(atob(value.slice('Basic '.length)))

beforeEach(() => nock.disableNetConnect())
afterEach(() => {
  nock.cleanAll()
  nock.enableNetConnect()
})

describe('an Okta-like authorization server', () => {
  test('is asked by a form with Basic client authentication, and its opaque answer is taken as it is', async () => {
    const bodies: unknown[] = []
    vendor()
      .post('/realms/acme/v1/token', (body) => bodies.push(body) > 0)
      .matchHeader('content-type', /^application\/x-www-form-urlencoded/)
      // RFC 6749 §2.3.1: both halves are form-encoded first.
      .matchHeader('authorization', (value) => basicOf(String(value)) === 'sallyport:client-secret')
      .reply(200, {
        access_token: 'an-opaque-token',
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 300,
        scope: 'orders.read',
      })
    const credential = await world().acquire()
    expect(credential.secret.reveal()).toBe('an-opaque-token')
    expect(bodies.at(-1)).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'orders-api',
      scope: 'orders.read',
    })
  })

  test('that is down behind its front door is unavailable, and asked twice', async () => {
    const broken = vendor().post('/realms/acme/v1/token').times(2).reply(503, '<html>maintenance</html>')
    expect(await codeOf(world().acquire)).toBe('exchange_unavailable')
    expect(broken.isDone()).toBe(true)
  })

  test('that limits the rate is unavailable, not a refusal of the person', async () => {
    vendor()
      .post('/realms/acme/v1/token')
      .times(2)
      .reply(429, { errorCode: 'E0000047', errorSummary: 'too many' }, { 'x-rate-limit-reset': '1795264567' })
    expect(await codeOf(world().acquire)).toBe('exchange_unavailable')
  })
})
