import { describe, expect, it } from 'vitest'
import { parseCompact } from '../../src/identity/compact.ts'
import { openSigningKeys } from '../../src/identity/session/keys.ts'
import { openSessionTable } from '../../src/identity/session/table.ts'
import { verifySessionToken } from '../../src/identity/session/verify.ts'
import { epoch, seconds } from '../../src/model/index.ts'
import { codeOf } from '../identity/opened.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { admitted, openScene, refused } from './scene.ts'

/** Strictly RFC 9068; a provider that types everything `JWT`; one that sets no type at all. */
const profiles = ['strict', 'JWT', 'none'] as const
type Profile = (typeof profiles)[number]
const open = (profile: Profile) => openScene({ login: `types: [${profile === 'strict' ? '' : profile}]` })
const typeOf = (profile: Profile): string | undefined =>
  ({ strict: 'at+jwt', JWT: 'JWT', none: undefined })[profile]

const backchannel = { 'http://schemas.openid.net/event/backchannel-logout': {} }

/** What it is, the claims that are its own, and its type. */
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
  ['a logout token', { events: backchannel }, 'logout+jwt'],
  ['a logout token typed JWT', { events: backchannel }, 'JWT'],
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

/** Those that their claims alone give away. */
const marked = kinds.filter(
  ([, claims]) => Object.keys(claims).length > 0 && !('azp' in claims && !('typ' in claims)),
)

describe.each(profiles)('A03 typ confusion: another kind of token as an access token (%s)', (profile) => {
  it('is refused by its type, at both doors', async () => {
    const scene = await open(profile)
    const answers: Record<string, string> = {}
    for (const [what, claims, typ] of kinds) {
      answers[what] = await scene.doors(await scene.idp.token(claims, { typ }))
    }
    const expected = kinds.map(([what]) => [what, refused('token_type_refused')])
    expect(answers).toEqual(Object.fromEntries(expected))
    expect(await scene.sessions()).toBe(0)
    expect(scene.downstream.connections).toBe(0)
  })

  it('is refused by its claims, under the type that this provider gives its access tokens', async () => {
    const scene = await open(profile)
    const answers: Record<string, string> = {}
    for (const [what, claims] of marked) {
      answers[what] = await scene.doors(await scene.idp.token(claims, { typ: typeOf(profile) }))
    }
    const expected = marked.map(([what]) => [what, refused('token_type_refused')])
    expect(answers).toEqual(Object.fromEntries(expected))
    expect(scene.downstream.connections).toBe(0)
  })

  it('while an access token passes', async () => {
    const scene = await open(profile)
    expect(await scene.doors(await scene.idp.token({}, { typ: typeOf(profile) }))).toBe(admitted)
    expect(await scene.doors(await scene.idp.token({}, { typ: 'application/AT+JWT' }))).toBe(admitted)
  })
})

describe('A03 typ confusion: a type that is not configured', () => {
  it('is refused before the provider is asked', async () => {
    const scene = await open('strict')
    for (const typ of ['JWT', undefined, 'none', 5, ['at+jwt']]) {
      expect(await scene.doors(await scene.idp.token({}, { typ }))).toBe(refused('token_type_refused'))
    }
    expect(scene.idp.requests).toEqual([])
  })

  it('does not bring the word none in as a type of its own', async () => {
    const scene = await open('none')
    const token = await scene.idp.token({}, { typ: 'none' })
    expect(await scene.doors(token)).toBe(refused('token_type_refused'))
  })

  it('lets the nonce pass that old Keycloaks copied into access tokens, since they say what they are', async () => {
    const scene = await open('JWT')
    const token = await scene.idp.token({ typ: 'Bearer', nonce: 'n', sid: 's' }, { typ: 'JWT' })
    expect(await scene.doors(token)).toBe(admitted)
  })
})

describe('A03 typ confusion: a token that is bound to a key (RFC 9449 §6)', () => {
  it('is refused as a plain bearer', async () => {
    const scene = await open('strict')
    const token = await scene.idp.token({ cnf: { jkt: 'thumbprint' } })
    expect(await scene.doors(token)).toBe(refused('token_binding_refused'))
  })
})

describe('A03 typ confusion: our own tokens', () => {
  it('are no subject tokens', async () => {
    const scene = await open('strict')
    const minted = (await scene.mint(await scene.idp.token())).body['access_token']
    const again = await scene.mint(minted)
    expect([again.status, again.code]).toEqual([400, 'token_is_session'])
    const ours = await scene.idp.token({ iss: scene.running.instance.config.url })
    expect((await scene.mint(ours)).code).toBe('token_is_session')
  })

  it('of another kind, signed with the very key of session tokens, are no session tokens', async () => {
    const clock = steppedClock()
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
