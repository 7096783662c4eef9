import { CompactSign, exportJWK, generateKeyPair } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { discoverKeys, wellKnown } from '../../src/identity/metadata-fetch.ts'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, codeOf, type Opened, opened } from './opened.ts'

/** No deadline. */
const { signal: never } = new AbortController()

let clock: ReturnType<typeof steppedClock>
let idp: Idp
let at: Opened

beforeEach(async () => {
  clock = steppedClock()
  idp = await startIdp({ clock })
  at = opened({ logins: [aLogin(idp)], clock })
})
afterEach(() => idp.close())

const verify = (token: string) => codeOf(() => at.identity.verifySubject(token, aServer()))
const life = { exp: 1_800_010_000 }

describe('an identity provider that fails', () => {
  it('is unavailable while it does not answer, and the token is not called bad', async () => {
    const token = await idp.token()
    idp.knobs.hangUp = true
    expect(await verify(token)).toBe('idp_unavailable')
  })

  it.each([500, 503, 429])('is unavailable when it answers %i', async (status) => {
    idp.knobs.status = status
    expect(await verify(await idp.token())).toBe('idp_unavailable')
  })

  it('is not asked by every token while it is down, and is found again soon', async () => {
    idp.knobs.status = 503
    const token = await idp.token(life)
    for (let n = 0; n < 20; n++) expect(await verify(token)).toBe('idp_unavailable')
    expect(idp.requests.length).toBeLessThanOrEqual(3)
    idp.knobs.status = undefined
    clock.advance(6)
    expect(await verify(token)).toBe('no error')
  })

  it('goes on being believed for an hour by the keys it gave, and for new keys it is unavailable', async () => {
    const known = await idp.token(life)
    expect(await verify(known)).toBe('no error')
    await idp.rotate()
    const unknown = await idp.token(life)
    idp.knobs.status = 503
    clock.advance(1_800)
    expect(await verify(known)).toBe('no error')
    expect(await verify(unknown)).toBe('idp_unavailable')
    clock.advance(1_800)
    expect(await verify(known)).toBe('idp_unavailable')
  })
})

describe('metadata (RFC 8414 §3.3)', () => {
  it.each(['/', '%61', '?a', '#b'])('is refused when its issuer differs by %s', async (tail) => {
    idp.knobs.documentIssuer = `${idp.issuer}${tail}`
    expect(await verify(await idp.token())).toBe('idp_metadata_refused')
    expect(idp.keyFetches).toBe(0)
  })

  it.each([
    'file:///etc/passwd',
    'ftp://127.0.0.1/keys',
    'javascript:1',
    'http://user:pass@127.0.0.1/keys',
    'not a url',
  ])('is refused when its keys are at %s', async (jwksUri) => {
    idp.knobs.jwksUri = jwksUri
    expect(await verify(await idp.token())).toBe('idp_metadata_refused')
    expect(at.around.fetched.every((asked) => asked.includes('/.well-known/'))).toBe(true)
  })

  it('of an https issuer may not point to keys over http', async () => {
    const document = { issuer: 'https://idp.example', jwks_uri: 'http://idp.example/keys' }
    const fetch = async () => Response.json(document)
    expect(await codeOf(() => discoverKeys('https://idp.example', fetch, never))).toBe('idp_metadata_refused')
  })

  it('is refused when it is a redirect, too large, or no object', async () => {
    const whole = { issuer: 'https://idp.example', jwks_uri: 'https://idp.example/keys' }
    const answers = [
      new Response('', { status: 302, headers: { location: 'http://127.0.0.1/' } }),
      Response.json({ ...whole, x: 'a'.repeat(600_000) }),
      Response.json([]),
      new Response('{'),
    ]
    for (const answer of answers) {
      const failure = codeOf(() => discoverKeys('https://idp.example', async () => answer.clone(), never))
      expect(await failure).toBe('idp_metadata_refused')
    }
  })

  it.each([['oidc'], ['rfc8414']] as const)('is found where only the %s form is served', async (form) => {
    idp.knobs.forms = [form]
    expect(await verify(await idp.token())).toBe('no error')
  })

  it('is asked for in the suffixed and in the inserted forms', () => {
    expect(wellKnown('https://idp.example/realms/acme')).toEqual([
      'https://idp.example/realms/acme/.well-known/openid-configuration',
      'https://idp.example/.well-known/oauth-authorization-server/realms/acme',
      'https://idp.example/.well-known/openid-configuration/realms/acme',
    ])
    expect(wellKnown('https://idp.example/')).toEqual([
      'https://idp.example/.well-known/openid-configuration',
      'https://idp.example/.well-known/oauth-authorization-server',
    ])
  })
})

describe('keys', () => {
  it('that are published with their private half, or are symmetric, verify nothing', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: 'leaked', alg: 'RS256' }
    const token = await new CompactSign(Buffer.from(JSON.stringify({ iss: idp.issuer })))
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'leaked' })
      .sign(privateKey)
    idp.knobs.extraKeys = [{ ...(await exportJWK(privateKey)), kid: 'leaked', alg: 'RS256' }]
    expect(await verify(token)).toBe('token_signature_invalid')
    idp.knobs.extraKeys = [jwk]
    clock.advance(30)
    expect(await verify(token)).toBe('token_claims_invalid')
  })

  it('are not fetched before the first token, and then once', async () => {
    expect(idp.requests).toEqual([])
    const tokens = await Promise.all([idp.token(), idp.token(), idp.token()])
    expect(await Promise.all(tokens.map(verify))).toEqual(['no error', 'no error', 'no error'])
    expect(idp.keyFetches).toBe(1)
  })

  it('of a rotation are found once the cool-down is over, and the former go on', async () => {
    const before = await idp.token(life)
    expect(await verify(before)).toBe('no error')
    await idp.rotate()
    const after = await idp.token(life)
    expect(await verify(after)).toBe('token_signature_invalid')
    clock.advance(30)
    expect(await verify(after)).toBe('no error')
    expect(await verify(before)).toBe('no error')
    expect(idp.keyFetches).toBe(2)
  })

  it('are read again when they are old, so that a key taken back stops working', async () => {
    expect(await verify(await idp.token())).toBe('no error')
    clock.advance(600)
    expect(await verify(await idp.token())).toBe('no error')
    expect(idp.keyFetches).toBe(2)
  })
})
