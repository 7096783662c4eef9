import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { type SigningAlgorithm, type TokenKey, tokenKey } from '../identity/index.ts'
import type { Clock, Seconds, Secret } from '../model/index.ts'

export interface AccessKeyOptions {
  readonly algorithm: SigningAlgorithm
  /** A key signs for this long, and at least for as long as a token lives; then the next one does. */
  readonly rotation: Seconds
  /** How long a token lives at most. */
  readonly life: Seconds
}

/**
 * The keys of access tokens, each derived from the keyring for its span of time: the same after a restart and in every
 * process that has the keyring, and never on a disk.
 */
export interface AccessKeys {
  readonly algorithm: SigningAlgorithm
  /** A compact JWS by the key of now. Synchronous. */
  sign(claims: object): string
  /** Whether a key of this name, which a live token may be signed with, made the signature. Synchronous. */
  verify(kid: string, signed: string, signature: Buffer): boolean
  /** The public halves: of the key of now, of those that live tokens are signed with, and of the one that comes next. */
  jwks(): { readonly keys: readonly JWK[] }
}

export function openAccessKeys(
  { algorithm, life, ...options }: AccessKeyOptions,
  deps: { readonly clock: Clock; readonly derive: (purpose: string) => Secret<Uint8Array> },
): AccessKeys {
  const rotation = Math.max(options.rotation, life)
  const known = new Map<number, TokenKey>()

  const keyOf = (span: number): TokenKey => {
    const present = known.get(span)
    if (present !== undefined) return present
    const purpose = `access tokens ${algorithm} ${span * rotation}`
    const made = tokenKey(
      algorithm,
      privateKey[algorithm]((part) => deps.derive(`${purpose} ${part}`)),
    )
    known.set(span, made)
    return made
  }
  /** From the oldest that a live token may be signed with to the one of a clock that is ahead of ours. */
  const live = (): readonly TokenKey[] => {
    const now = deps.clock.now()
    const first = Math.floor((now - life) / rotation)
    const last = Math.floor(now / rotation) + 1
    for (const span of known.keys()) if (span < first) known.delete(span)
    return Array.from({ length: last - first + 1 }, (_, index) => keyOf(last - index))
  }
  return {
    algorithm,
    sign(claims) {
      const { signed, signature } = keyOf(Math.floor(deps.clock.now() / rotation)).sign(claims)
      return `${signed}.${signature.toString('base64url')}`
    },
    verify(kid, signed, signature) {
      const key = live().find((it) => it.kid === kid)
      return key?.verify(signed, signature) === true
    },
    jwks: () => ({ keys: live().map(({ jwk }) => jwk) }),
  }
}

type Derive = (part: number) => Secret<Uint8Array>

const privateKey: Readonly<Record<SigningAlgorithm, (derive: Derive) => KeyObject>> = {
  // RFC 8410 §7: any 32 bytes are a private key.
  EdDSA: (derive) =>
    createPrivateKey({
      key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), derive(0).reveal()]),
      format: 'der',
      type: 'pkcs8',
    }),
  ES256: (derive) => {
    const pair = createECDH('prime256v1')
    for (let part = 0; ; part += 1) {
      const scalar = Buffer.from(derive(part).reveal())
      try {
        pair.setPrivateKey(scalar)
      } catch {
        // One in four thousand million is no scalar of the curve.
        continue
      }
      const point = pair.getPublicKey()
      const text = (from: number, to: number) => point.subarray(from, to).toString('base64url')
      const jwk = {
        kty: 'EC',
        crv: 'P-256',
        x: text(1, 33),
        y: text(33, 65),
        d: scalar.toString('base64url'),
      }
      return createPrivateKey({ key: jwk, format: 'jwk' })
    }
  },
}
