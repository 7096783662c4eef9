import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'

/** The public half of the persistent signing key (RFC 8037 §2). */
export interface PublicKeyJwk {
  readonly kty: string
  readonly crv?: string
  readonly x?: string
}

/** Signs with the persistent Ed25519 key; may take time where the key lies elsewhere. */
export type Sign = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>

/** The members that RFC 7638 §3.2 counts, and no others: nothing private can slip into a record. */
export function bareKey(jwk: PublicKeyJwk): Required<PublicKeyJwk> {
  const { kty, crv = '', x = '' } = jwk
  if (kty !== 'OKP' || crv !== 'Ed25519' || !/^[A-Za-z0-9_-]{43}$/.test(x))
    throw new TypeError('not an Ed25519 public key')
  return { crv, kty, x }
}

/** RFC 7638, SHA-256, base64url. */
export function thumbprint(jwk: PublicKeyJwk): string {
  return hash('sha256', JSON.stringify(bareKey(jwk)), 'base64url')
}

/** A public key for verifying; undefined if this is no Ed25519 key. */
export function importKey(
  jwk: unknown,
): { readonly thumbprint: string; readonly key: KeyObject } | undefined {
  try {
    const bare = bareKey(jwk as PublicKeyJwk)
    return { thumbprint: thumbprint(bare), key: createPublicKey({ key: { ...bare }, format: 'jwk' }) }
  } catch {
    return undefined
  }
}

export function signatureHolds(key: KeyObject, bytes: Uint8Array, signature: string): boolean {
  return verify(null, bytes, key, Buffer.from(signature, 'base64url'))
}
