import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, importSPKI, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { type OAuthClient, Secret } from '../../src/model/index.ts'
import { codeOf, exchanged, rig } from './rig.ts'

interface Pair {
  readonly publicKey: string
  readonly privateKey: string
}

function pem({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }): Pair {
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

const pairs: readonly (readonly [string, Pair])[] = [
  ['RS256', pem(generateKeyPairSync('rsa', { modulusLength: 2048 }))],
  ['ES256', pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }))],
  ['EdDSA', pem(generateKeyPairSync('ed25519'))],
]
const [, ec] = pairs[1] as readonly [string, Pair]

const withKey = (key: string): OAuthClient => ({ id: 'sallyport', key: new Secret(key, 'client key') })

describe('the client authenticates', () => {
  test.each([
    ['as they are where a form lets them stand', 'a-b.c_d*E1', 'Qx8~', 'a-b.c_d*E1:Qx8%7E'],
    ['as a form encodes them', 'a b:c+d', 'ü%/&=', 'a+b%3Ac%2Bd:%C3%BC%25%2F%26%3D'],
  ])('by id and secret in the header, %s (RFC 6749 §2.3.1)', async (_, id, secret, header) => {
    const { exchange, need, provider, hand } = rig()
    hand()
    const client = { id, secret: new Secret(secret, 'client secret') }
    await exchange.acquire(need(exchanged(provider.issuer, { client })))
    const [, given = ''] = /^Basic (.+)$/.exec(provider.calls[0]?.headers.get('authorization') ?? '') ?? []
    expect(Buffer.from(given, 'base64').toString()).toBe(header)
    expect([...new URLSearchParams(header.replace(':', '='))]).toEqual([[id, secret]])
  })

  test.each(pairs)(
    'by private_key_jwt (%s) with the issuer as the one audience (RFC 7523 §3)',
    async (algorithm, pair) => {
      const { exchange, need, provider, hand } = rig()
      hand()
      await exchange.acquire(need(exchanged(provider.issuer, { client: withKey(pair.privateKey) })))
      const [call] = provider.calls
      const assertion = call?.form['client_assertion'] ?? ''
      expect(call?.headers.has('authorization')).toBe(false)
      expect(decodeProtectedHeader(assertion).alg).toBe(algorithm)
      expect(decodeJwt(assertion)).toMatchObject({ aud: provider.issuer, iss: 'sallyport', sub: 'sallyport' })
      const key = await importSPKI(pair.publicKey, algorithm)
      await expect(jwtVerify(assertion, key, { audience: provider.issuer })).resolves.toBeDefined()
    },
  )

  test('with another assertion each time', async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    const source = { client: withKey(ec.privateKey) }
    await exchange.acquire(need(exchanged(provider.issuer, source)))
    await exchange.acquire(need(exchanged(provider.issuer, { ...source, audience: 'other' })))
    expect(new Set(provider.calls.map(({ form }) => form['client_assertion'])).size).toBe(2)
  })

  test('and a key that is none refuses, without showing it', async () => {
    const { exchange, need, provider, hand } = rig()
    hand()
    const code = await codeOf(() =>
      exchange.acquire(need(exchanged(provider.issuer, { client: withKey('canary') }))),
    )
    expect(code).toBe('exchange_misconfigured')
    expect(provider.calls).toEqual([])
  })
})
