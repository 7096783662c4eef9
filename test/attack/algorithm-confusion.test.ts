import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { steppedClock } from '../kit/stepped-clock.ts'
import { type Idp, startIdp } from '../kit/idp.ts'
import { aLogin, aServer, codeOf, exchange, type Opened, opened } from '../identity/opened.ts'
import { byEd25519, byHmac, byRsa, forge } from './signed.ts'

const clock = steppedClock()
let idp: Idp
let at: Opened
let trap: HttpServer
let trapUrl: string
const trapped: string[] = []

beforeAll(async () => {
  idp = await startIdp({ clock })
  trap = createServer((request, response) => {
    trapped.push(request.url ?? '')
    response.end(JSON.stringify({ keys: [attacker.jwk] }))
  })
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
  trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/keys`
})
afterAll(async () => {
  await idp.close()
  trap.closeAllConnections()
  trap.close()
})
beforeEach(() => {
  at = opened({ logins: [aLogin(idp)], clock, servers: [aServer({ acceptSubjectToken: true })] })
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const attacker = {
  sign: byRsa(rsa.privateKey),
  jwk: { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'evil', alg: 'RS256', use: 'sig' },
}
const payload = () => ({
  iss: idp.issuer,
  sub: 'admin',
  aud: 'https://crm.example',
  client_id: 'mcp-client',
  iat: clock.now(),
  exp: clock.now() + 300,
  jti: 'forged',
  scope: 'orders.read',
})
const header = (over: object = {}) => ({ alg: 'RS256', typ: 'at+jwt', kid: 'idp-1', ...over })
const verify = (token: string) => codeOf(() => at.identity.verifySubject(token, aServer()))
const pem = () => createPublicKey({ key: idp.publicKey, format: 'jwk' })

describe('A02 algorithm and key confusion', () => {
  it.each(['none', 'None', 'NONE', 'nOnE', ''])('refuses alg %j, signed and unsigned', async (alg) => {
    const unsigned = forge(header({ alg }), payload(), () => Buffer.alloc(0))
    expect(await verify(unsigned)).toBe('token_malformed')
    expect(await verify(`${unsigned}AA`)).toBe('token_algorithm_refused')
    expect(await verify(forge(header({ alg }), payload(), attacker.sign))).toBe('token_algorithm_refused')
  })

  it('refuses a missing or odd alg', async () => {
    for (const alg of [undefined, null, 5, ['RS256'], { toString: 'RS256' }]) {
      expect(await verify(forge(header({ alg }), payload(), attacker.sign))).toBe('token_algorithm_refused')
    }
  })

  it.each(['HS256', 'HS384', 'HS512'])(
    'refuses %s keyed with the public key of the provider',
    async (alg) => {
      const forms = [
        pem().export({ format: 'pem', type: 'spki' }),
        pem().export({ format: 'der', type: 'spki' }),
        JSON.stringify(idp.publicKey),
        '',
      ]
      for (const key of forms) {
        expect(await verify(forge(header({ alg }), payload(), byHmac(key)))).toBe('token_algorithm_refused')
      }
    },
  )

  it('refuses a symmetric key that stands among the published ones', async () => {
    const k = Buffer.from('guessable').toString('base64url')
    idp.knobs.extraKeys = [{ kty: 'oct', kid: 'oct', k, alg: 'HS256' }]
    const token = forge(header({ alg: 'HS256', kid: 'oct' }), payload(), byHmac('guessable'))
    expect(await verify(token)).toBe('token_algorithm_refused')
    const relabelled = forge(header({ kid: 'oct' }), payload(), byHmac('guessable'))
    expect(await verify(relabelled)).toBe('token_signature_invalid')
    idp.knobs.extraKeys = []
  })

  it('refuses one asymmetric algorithm with the key of another', async () => {
    for (const alg of ['ES256', 'EdDSA', 'PS256']) {
      expect(await verify(forge(header({ alg }), payload(), attacker.sign))).toBe('token_signature_invalid')
    }
  })

  it('refuses algorithms that are asymmetric and not allowed', async () => {
    for (const alg of ['RS1', 'RS512', 'ES256K', 'RSA-OAEP', 'dir']) {
      expect(await verify(forge(header({ alg }), payload(), attacker.sign))).toBe('token_algorithm_refused')
    }
  })

  it('never asks an address that the header names, nor takes a key from the header', async () => {
    const injected = [
      { jwk: attacker.jwk },
      { jku: trapUrl },
      { x5u: trapUrl },
      { x5c: ['MIIB'] },
      { jku: trapUrl, kid: 'evil' },
      { jwk: { kty: 'oct', k: 'AA' } },
    ]
    for (const extra of injected) {
      expect(await verify(forge(header(extra), payload(), attacker.sign))).toBe('token_malformed')
    }
    expect(trapped).toEqual([])
    expect(at.around.fetched).toEqual([])
  })

  it.each([
    '../../../../etc/passwd',
    'file:///dev/null',
    '/dev/null',
    "' OR 1=1 --",
    '__proto__',
    'constructor',
    '',
    'x'.repeat(8_000),
  ])('takes a kid for a name only: %s', async (kid) => {
    const before = await idp.token()
    expect(await verify(before)).toBe('no error')
    const asked = at.around.fetched.length
    expect(await verify(forge(header({ kid }), payload(), attacker.sign))).toBe('token_signature_invalid')
    expect(at.around.fetched.slice(asked).every((url) => url.startsWith(idp.issuer))).toBe(true)
    expect(trapped).toEqual([])
  })

  it('takes a kid that is a URL for a name only, and a kid that is no text for none', async () => {
    for (const kid of [trapUrl, 5, null, ['idp-1'], { a: 1 }]) {
      expect(await verify(forge(header({ kid }), payload(), attacker.sign))).toBe('token_signature_invalid')
    }
    expect(trapped).toEqual([])
  })

  it('refuses critical headers, unencoded payloads and compression', async () => {
    for (const extra of [
      { crit: ['exp'] },
      { crit: [] },
      { b64: false, crit: ['b64'] },
      { b64: false },
      { zip: 'DEF' },
    ]) {
      expect(await verify(forge(header(extra), payload(), attacker.sign))).toBe('token_malformed')
    }
  })

  it('refuses our own session tokens under another algorithm, key or header', async () => {
    const face = await at.app()
    const minted = (await exchange(face, await idp.token())).body['access_token'] as string
    const [encodedHeader, encodedPayload] = minted.split('.') as [string, string]
    const own = JSON.parse(Buffer.from(encodedHeader, 'base64url').toString())
    const claims = JSON.parse(Buffer.from(encodedPayload, 'base64url').toString())
    const { x } = (await face.inject('/oauth2/jwks')).json().keys[0]
    const ed = generateKeyPairSync('ed25519')
    const identify = (token: string) => codeOf(() => at.identity.identify(token))
    const asHmac = forge({ ...own, alg: 'HS256' }, claims, byHmac(Buffer.from(x, 'base64url')))
    expect(await identify(asHmac)).toBe('token_algorithm_refused')
    expect(await identify(forge({ ...own, alg: 'none' }, claims, () => Buffer.from('x')))).toBe(
      'token_algorithm_refused',
    )
    expect(await identify(forge(own, claims, byEd25519(ed.privateKey)))).toBe('token_signature_invalid')
    expect(await identify(forge({ ...own, kid: 'x' }, claims, byEd25519(ed.privateKey)))).toBe(
      'token_signature_invalid',
    )
    expect(await identify(minted)).toBe('no error')
  })
})
