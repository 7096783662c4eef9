import { createCipheriv, createDecipheriv } from 'node:crypto'
import { type Grant, Secret } from '../../model/index.ts'
import { isText, parseObject } from './json.ts'

/** Cryptographic randomness, handed in: `node:crypto`'s `randomBytes`. */
export type RandomBytes = (size: number) => Buffer

/** AES-256-GCM output, each part base64url. */
export interface Sealed {
  readonly iv: string
  readonly ct: string
  readonly tag: string
}

export const keyBytes = 32
const ivBytes = 12
const tagBytes = 16

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce: safe for 2^32 messages under one key, and a data key
 * sees one per refresh. The plaintext buffer stays the caller's to wipe.
 */
export function encrypt(key: Uint8Array, plaintext: Uint8Array, aad: string, random: RandomBytes): Sealed {
  const iv = random(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(aad))
  const ct = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return {
    iv: iv.toString('base64url'),
    ct: ct.toString('base64url'),
    tag: cipher.getAuthTag().toString('base64url'),
  }
}

/** The plaintext, for the caller to wipe; undefined where key, place or content is not what was sealed. */
export function decrypt(key: Uint8Array, sealed: Sealed, aad: string): Buffer | undefined {
  const iv = Buffer.from(sealed.iv, 'base64url')
  const tag = Buffer.from(sealed.tag, 'base64url')
  if (iv.length !== ivBytes || tag.length !== tagBytes) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(aad))
  decipher.setAuthTag(tag)
  const first = decipher.update(Buffer.from(sealed.ct, 'base64url'))
  try {
    return Buffer.concat([first, decipher.final()])
  } catch {
    return undefined
  } finally {
    first.fill(0)
  }
}

/** The tokens of a grant, encrypted. Their text lives on as JavaScript strings until collected (see `Secret`). */
export function sealTokens(
  key: Uint8Array,
  tokens: Pick<Grant, 'rt' | 'at'>,
  aad: string,
  random: RandomBytes,
): Sealed {
  const plain = Buffer.from(JSON.stringify({ rt: tokens.rt?.reveal(), at: tokens.at?.reveal() }))
  try {
    return encrypt(key, plain, aad, random)
  } finally {
    plain.fill(0)
  }
}

/** Undefined where it does not decrypt. */
export function openTokens(
  key: Uint8Array,
  sealed: Sealed,
  aad: string,
): Pick<Grant, 'rt' | 'at'> | undefined {
  const plain = decrypt(key, sealed, aad)
  if (plain === undefined) return undefined
  const tokens = parseObject(plain.toString())
  plain.fill(0)
  if (tokens === undefined) return undefined
  const { rt, at } = tokens
  return {
    ...(isText(rt) ? { rt: new Secret(rt, 'refresh token') } : {}),
    ...(isText(at) ? { at: new Secret(at, 'stored credential') } : {}),
  }
}

/** A secret as bytes to seal, for the caller to wipe. */
export const secretBytes = (secret: Secret): Buffer => Buffer.from(secret.reveal())
