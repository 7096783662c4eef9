import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { JWK } from 'jose'

/** What tokens of ours are signed with: EdDSA, or ES256 where FIPS is asked for. */
export type SigningAlgorithm = 'EdDSA' | 'ES256'

/** One key pair that signs access tokens (RFC 9068 §2.1). */
export interface TokenKey {
  /** The thumbprint of the public half (RFC 7638). */
  readonly kid: string
  /** The public half (RFC 7517). */
  readonly jwk: JWK
  /** A compact JWS over the claims, in its two parts. Synchronous. */
  sign(claims: object): { readonly signed: string; readonly signature: Buffer }
  /** Synchronous. */
  verify(signed: string, signature: Buffer): boolean
}

export function tokenKey(algorithm: SigningAlgorithm, privateKey: KeyObject): TokenKey {
  const publicKey = createPublicKey(privateKey)
  const bare = publicKey.export({ format: 'jwk' }) as JWK
  const kid = thumbprint(bare)
  const header = Buffer.from(JSON.stringify({ alg: algorithm, typ: 'at+jwt', kid })).toString('base64url')
  return {
    kid,
    jwk: { ...bare, kid, alg: algorithm, use: 'sig' },
    sign(claims) {
      const signed = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
      return { signed, signature: signWith(algorithm, privateKey, signed) }
    },
    verify: (signed, signature) => verifyWith(algorithm, publicKey, signed, signature),
  }
}

/** ES256 signatures are the bare pair of numbers that JWS wants (RFC 7518 §3.4), not DER. */
function signWith(algorithm: SigningAlgorithm, key: KeyObject, text: string): Buffer {
  const data = Buffer.from(text)
  return algorithm === 'EdDSA'
    ? sign(null, data, key)
    : sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })
}

function verifyWith(algorithm: SigningAlgorithm, key: KeyObject, text: string, signature: Buffer): boolean {
  const data = Buffer.from(text)
  return algorithm === 'EdDSA'
    ? verify(null, data, key, signature)
    : verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

/** RFC 7638 §3: the required members in lexical order, without white space. */
function thumbprint({ crv, kty, x, y }: JWK): string {
  const members = y === undefined ? { crv, kty, x } : { crv, kty, x, y }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}
