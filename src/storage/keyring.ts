import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  scryptSync,
  sign,
  timingSafeEqual,
} from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Secret, SallyportError } from '../model/index.ts'
import { decrypt, encrypt, type Sealed } from './secrets/envelope.ts'
import { writeDurably } from './write-durably.ts'

/** Keys of one data folder, all derived from the configured one. What leaves is a key for one purpose each. */
export interface Keyring {
  /** 32 bytes for the purpose; equal for equal purposes, on every start. */
  derive(purpose: string): Secret<Uint8Array>
  /** The persistent key that signs receipts and record chains. */
  readonly signer: Signer
}

export interface Signer {
  readonly kid: string
  readonly publicJwk: PublicJwk
  /** An Ed25519 signature (RFC 8032). */
  sign(bytes: Uint8Array): Uint8Array
}

/** The public half of the persistent key (RFC 8037). */
export interface PublicJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
}

interface KeyringFile {
  readonly v: 1
  readonly salt: string
  readonly check: string
  /** The private key (PKCS #8), sealed. */
  readonly signing: Sealed
}

/** The public half of the persistent key, as JWK, in the data folder. */
export const publicKeyFile = 'signing-key.pub.json'

/** What the sealed signing key is bound to. */
const signingPlace = 'sp1|keyring|signing'

const scrypt = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }

/**
 * Opens (or makes, on the first start) the keyring of a data folder. `key` is 32 or more raw bytes, or a passphrase.
 *
 * @throws config_invalid when the key is not the one that the folder was made with
 */
export function openKeyring(data: string, key: Secret<Uint8Array> | Secret): Keyring {
  const path = join(data, 'keyring.json')
  const stored = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as KeyringFile) : undefined
  if (stored === undefined && existsSync(join(data, 'state.db'))) {
    // New keys would give cut sessions new names.
    throw new SallyportError('config_invalid', {
      field: 'data',
      remedy: 'the data folder has lost its keyring.json: restore it, or begin with an empty folder',
    })
  }
  const salt = stored === undefined ? randomBytes(16) : Buffer.from(stored.salt, 'base64')
  const root = rootKey(key, salt)
  const derive = (purpose: string) =>
    new Secret(
      new Uint8Array(hkdfSync('sha256', root, salt, `sallyport v1 ${purpose}`, 32)),
      `key for ${purpose}`,
    )

  const check = derive('check').reveal()
  if (stored !== undefined && !timingSafeEqual(check, Buffer.from(stored.check, 'base64'))) {
    throw new SallyportError('config_invalid', {
      field: 'key',
      remedy:
        'this is not the key that the data folder was made with: give the former key, or an empty data folder',
    })
  }
  const wrapping = derive('signing').reveal()
  const pkcs8 = stored === undefined ? newSigningKey() : decrypt(wrapping, stored.signing, signingPlace)
  if (pkcs8 === undefined) {
    throw new SallyportError('config_invalid', {
      field: 'data',
      remedy: 'keyring.json was altered: restore it',
    })
  }
  if (stored === undefined) {
    const file: KeyringFile = {
      v: 1,
      salt: Buffer.from(salt).toString('base64'),
      check: Buffer.from(check).toString('base64'),
      signing: encrypt(wrapping, pkcs8, signingPlace, randomBytes),
    }
    writeDurably(path, JSON.stringify(file))
  }
  const signer = signerOf(pkcs8)
  // For whoever verifies receipts and records without the key of the folder.
  writeDurably(join(data, publicKeyFile), JSON.stringify(signer.publicJwk), 0o644)
  return { derive, signer }
}

function rootKey(key: Secret<Uint8Array> | Secret, salt: Uint8Array): Uint8Array {
  const value = key.reveal()
  return typeof value === 'string' ? scryptSync(value, salt, 32, scrypt) : value
}

function newSigningKey(): Uint8Array {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' })
}

function signerOf(pkcs8: Uint8Array): Signer {
  const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), type: 'pkcs8', format: 'der' })
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  const publicJwk: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x }
  return {
    kid: `sp-${x.slice(0, 12)}`,
    publicJwk,
    sign: (bytes) => sign(null, bytes, privateKey),
  }
}
