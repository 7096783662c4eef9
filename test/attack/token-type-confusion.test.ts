import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { openSigningKeys } from '../../src/identity/session/keys.ts'
import { openSessionTable } from '../../src/identity/session/table.ts'
import { verifySessionToken } from '../../src/identity/session/verify.ts'
import { parseCompact } from '../../src/identity/compact.ts'
import { epoch, seconds } from '../../src/model/index.ts'
import { aLogin, aServer, codeOf, exchange, type Opened, opened } from '../identity/opened.ts'

const clock = steppedClock()
let idp: Idp

beforeAll(async () => {
  idp = await startIdp({ clock })
})
afterAll(() => idp.close())

/** Strictly RFC 9068; a provider that types everything `JWT`; one that sets no type at all. */
const profiles = ['strict', 'JWT', 'none'] as const
const open = (profile: (typeof profiles)[number]): Opened =>
  opened({
    logins: [aLogin(idp, { types: profile === 'strict' ? [] : [profile] })],
    clock,
    servers: [aServer({ acceptSubjectToken: true })],
  })
const typeOf = (profile: (typeof profiles)[number]): string | undefined =>
  ({ strict: 'at+jwt', JWT: 'JWT', none: undefined })[profile]

/** Both doors: the token endpoint's and the egress's. */
const atBothDoors = async (at: Opened, token: string): Promise<readonly string[]> => [
  await codeOf(() => at.identity.verifySubject(token, aServer())),
  await codeOf(() => at.identity.identify(token)),
]
const refused = ['token_type_refused', 'token_type_refused']

describe.each(profiles)('A03 another kind of token presented as an access token (%s)', (profile) => {
  const kinds: readonly [string, Record<string, unknown>, string | undefined][] = [
    ['an ID token of Keycloak', { typ: 'ID', azp: 'mcp-client', nonce: 'n' }, 'JWT'],
    ['an ID token with at_hash', { at_hash: 'h', nonce: 'n' }, 'JWT'],
    ['an ID token with c_hash', { c_hash: 'h' }, 'JWT'],
    ['an ID token with a nonce only', { nonce: 'n' }, 'JWT'],
    ['an ID token without any mark', { scope: undefined, client_id: undefined, azp: 'mcp-client' }, 'JWT'],
    ['an ID token of Cognito', { token_use: 'id' }, 'JWT'],
    ['a refresh token of Keycloak', { typ: 'Refresh' }, 'JWT'],
    ['an offline token of Keycloak', { typ: 'Offline' }, 'JWT'],
    ['a logout token of Keycloak', { typ: 'Logout' }, 'JWT'],
    ['an ID-JAG', {}, 'oauth-id-jag+jwt'],
    [
      'a logout token',
      { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
      'logout+jwt',
    ],
    [
      'a logout token typed JWT',
      { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
      'JWT',
    ],
    ['a security event token', { events: {} }, 'secevent+jwt'],
    ['a transaction token', { txn: 't', req_wl: 'w' }, 'txntoken+jwt'],
    ['a transaction token typed JWT', { txn: 't', req_wl: 'w', tctx: {} }, 'JWT'],
    ['a DPoP proof', { htm: 'POST', htu: 'https://crm.example' }, 'dpop+jwt'],
    ['a DPoP proof typed JWT', { htm: 'POST', htu: 'https://crm.example' }, 'JWT'],
    ['a connect state of ours', {}, 'sallyport-connect+jwt'],
    ['a type with a parameter', {}, 'at+jwt;x=1'],
    ['a type that begins alike', {}, 'at+jwt2'],
    ['another top-level type', {}, 'text/at+jwt'],
    ['an empty type', {}, ''],
  ]

  it.each(kinds)('%s', async (_what, claims, typ) => {
    expect(await atBothDoors(open(profile), await idp.token(claims, { typ }))).toEqual(refused)
  })

  const disguised = kinds.filter(
    ([, claims]) => Object.keys(claims).length > 0 && !('azp' in claims && !('typ' in claims)),
  )

  it.each(disguised)(
    '%s, under the type that this provider gives its access tokens',
    async (_what, claims) => {
      const token = await idp.token(claims, { typ: typeOf(profile) })
      expect(await atBothDoors(open(profile), token)).toEqual(refused)
    },
  )

  it('while an access token passes', async () => {
    const token = await idp.token({}, { typ: typeOf(profile) })
    expect(await atBothDoors(open(profile), token)).toEqual(['no error', 'no error'])
    const long = await idp.token({}, { typ: 'application/AT+JWT' })
    expect(await atBothDoors(open(profile), long)).toEqual(['no error', 'no error'])
  })
})

describe('A03 a type that is not configured', () => {
  it('is refused before the provider is asked', async () => {
    const at = open('strict')
    for (const typ of ['JWT', undefined, 'none', 5, ['at+jwt']]) {
      expect(await atBothDoors(at, await idp.token({}, { typ }))).toEqual(refused)
    }
    expect(at.around.fetched).toEqual([])
  })

  it('does not bring the word none in as a type of its own', async () => {
    expect(await atBothDoors(open('none'), await idp.token({}, { typ: 'none' }))).toEqual(refused)
  })

  it('lets the nonce pass that old Keycloaks copied into access tokens, since they say what they are', async () => {
    const token = await idp.token({ typ: 'Bearer', nonce: 'n', sid: 's' }, { typ: 'JWT' })
    expect(await atBothDoors(open('JWT'), token)).toEqual(['no error', 'no error'])
  })
})

describe('A03 our own tokens', () => {
  it('are no subject tokens', async () => {
    const at = open('strict')
    const face = await at.app()
    const minted = (await exchange(face, await idp.token())).body['access_token']
    const again = await exchange(face, minted)
    expect([again.status, again.body['code']]).toEqual([400, 'token_is_session'])
    const hubs = await idp.token({ iss: 'https://crm.example' })
    expect((await exchange(face, hubs)).body['code']).toBe('token_is_session')
  })

  it('of another kind, signed with the very key of session tokens, are no session tokens', async () => {
    const keys = openSigningKeys({ algorithm: 'EdDSA', rotation: seconds(60) }, { clock })
    const deps = {
      issuer: 'https://crm.example/egress',
      keys,
      sessions: openSessionTable(() => clock.now()),
      clock,
    }
    const exp = epoch(clock.now() + 60)
    const whole = { iss: deps.issuer, aud: ['a'], sid: 's', jti: 'j', scope: '', exp, sp: { v: 1, rev: 1 } }
    const odd: readonly object[] = [
      { ...whole, iss: 'https://crm.example' },
      { ...whole, aud: 'a' },
      { ...whole, sid: undefined },
      { ...whole, jti: 1 },
      { ...whole, exp: String(exp) },
      { ...whole, sp: { v: 2, rev: 1 } },
      { ...whole, sp: { v: 1 } },
      { ...whole, sp: undefined },
    ]
    for (const claims of odd) {
      const jws = parseCompact(keys.sign(claims, exp))
      expect(await codeOf(() => verifySessionToken(jws, deps))).toBe('token_claims_invalid')
    }
    const unknown = parseCompact(keys.sign(whole, exp))
    expect(await codeOf(() => verifySessionToken(unknown, deps))).toBe('token_revoked')
    const retyped = { ...unknown, header: { ...unknown.header, typ: 'JWT' } }
    expect(await codeOf(() => verifySessionToken(retyped, deps))).toBe('token_type_refused')
  })
})
