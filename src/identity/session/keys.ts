import { generateKeyPairSync } from 'node:crypto'
import type { JWK } from 'jose'
import { type Clock, type EpochSeconds, epoch, type Seconds } from '../../model/index.ts'
import { type SigningAlgorithm, type TokenKey, tokenKey } from '../signing.ts'
import { rememberSigned } from './signed-here.ts'

export interface KeyOptions {
  readonly algorithm: SigningAlgorithm
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
  readonly algorithm: SigningAlgorithm
  /** Sign with the key of the hour. `expiresAt` keeps its public half until then. Synchronous. */
  sign(claims: object, expiresAt: EpochSeconds): string
  /** Whether a live key of this name made the signature: remembered from the making, or verified. Synchronous. */
  verify(kid: string, signed: string, signature: Buffer): boolean
  /** The public halves of every key that a live token may be signed with (RFC 7517). */
  jwks(): { readonly keys: readonly JWK[] }
}

interface SigningKey extends TokenKey {
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
      const { signed, signature } = key.sign(claims)
      made.add(signed, signature)
      return `${signed}.${signature.toString('base64url')}`
    },
    verify(kid, signed, signature) {
      const key = keys.get(kid)
      if (key === undefined) return false
      return made.has(signed, signature) || key.verify(signed, signature)
    },
    jwks() {
      drop(deps.clock.now())
      return { keys: [...keys.values()].map((key) => key.jwk) }
    },
  }
}

function generate(algorithm: SigningAlgorithm, since: EpochSeconds): SigningKey {
  const { privateKey } =
    algorithm === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...tokenKey(algorithm, privateKey), since, lastExpiry: since }
}
