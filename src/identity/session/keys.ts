import { createHash, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import type { JWK } from 'jose'
import { type Clock, type EpochSeconds, epoch, type Seconds } from '../../model/index.ts'
import { rememberSigned } from './signed-here.ts'

/** What session tokens are signed with: EdDSA, or ES256 where FIPS is asked for. */
type SessionAlgorithm = 'EdDSA' | 'ES256'

export interface KeyOptions {
  readonly algorithm: SessionAlgorithm
  /** A key signs for this long; then the next one does. */
  readonly rotation: Seconds
  /** How many signatures are remembered from their making: a power of two. */
  readonly remembered?: number
}

/**
 * The keys that session tokens are signed with. They live in memory: a restart ends every session token, and
 * nobody who reads the disk can sign one.
 */
export interface SigningKeys {
  readonly algorithm: SessionAlgorithm
  /** Sign with the key of the hour. `expiresAt` keeps its public half until then. Synchronous. */
  sign(claims: object, expiresAt: EpochSeconds): string
  /** Whether a live key of this name made the signature: remembered from the making, or verified. Synchronous. */
  verify(kid: string, signed: string, signature: Buffer): boolean
  /** The public halves of every key that a live token may be signed with (RFC 7517). */
  jwks(): { readonly keys: readonly JWK[] }
}

interface SigningKey {
  readonly kid: string
  readonly header: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: JWK
  readonly since: EpochSeconds
  /** When the last token it signed ends. */
  lastExpiry: EpochSeconds
}

export function openSigningKeys(options: KeyOptions, deps: { readonly clock: Clock }): SigningKeys {
  const { algorithm } = options
  let current = generate(algorithm, deps.clock.now())
  const keys = new Map([[current.kid, current]])
  const made = rememberSigned(options.remembered)

  const rotate = (now: EpochSeconds): SigningKey => {
    if (now - current.since < options.rotation) return current
    current = generate(algorithm, now)
    keys.set(current.kid, current)
    return current
  }
  const drop = (now: EpochSeconds): void => {
    for (const key of keys.values()) {
      if (key !== current && key.lastExpiry <= now) keys.delete(key.kid)
    }
  }
  return {
    algorithm,
    sign(claims, expiresAt) {
      const now = deps.clock.now()
      const key = rotate(now)
      drop(now)
      key.lastExpiry = epoch(Math.max(key.lastExpiry, expiresAt))
      const signed = `${key.header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
      const signature = signWith(algorithm, key.privateKey, signed)
      made.add(signed, signature)
      return `${signed}.${signature.toString('base64url')}`
    },
    verify(kid, signed, signature) {
      const key = keys.get(kid)
      if (key === undefined) return false
      return made.has(signed, signature) || verifyWith(algorithm, key.publicKey, signed, signature)
    },
    jwks() {
      drop(deps.clock.now())
      return { keys: [...keys.values()].map((key) => key.jwk) }
    },
  }
}

/** ES256 signatures are the bare pair of numbers that JWS wants (RFC 7518 §3.4), not DER. */
function signWith(algorithm: SessionAlgorithm, key: KeyObject, text: string): Buffer {
  const data = Buffer.from(text)
  return algorithm === 'EdDSA'
    ? sign(null, data, key)
    : sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })
}

function verifyWith(algorithm: SessionAlgorithm, key: KeyObject, text: string, signature: Buffer): boolean {
  const data = Buffer.from(text)
  return algorithm === 'EdDSA'
    ? verify(null, data, key, signature)
    : verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

function generate(algorithm: SessionAlgorithm, since: EpochSeconds): SigningKey {
  const { privateKey, publicKey } =
    algorithm === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const bare = publicKey.export({ format: 'jwk' }) as JWK
  const kid = thumbprint(bare)
  const header = Buffer.from(JSON.stringify({ alg: algorithm, typ: 'at+jwt', kid })).toString('base64url')
  const jwk = { ...bare, kid, alg: algorithm, use: 'sig' }
  return { kid, header, privateKey, publicKey, jwk, since, lastExpiry: since }
}

/** RFC 7638 §3: the required members in lexical order, without white space. */
function thumbprint({ crv, kty, x, y }: JWK): string {
  const members = y === undefined ? { crv, kty, x } : { crv, kty, x, y }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}
