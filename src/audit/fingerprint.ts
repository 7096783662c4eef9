import { createHmac, createSecretKey } from 'node:crypto'
import type { Secret } from '../model/index.ts'

/**
 * Makes `fingerprint`: HMAC-SHA256 under a key of the installation, cut to 64 bits. Keyed, so that a short secret
 * cannot be found by trying; cut, so that it names a secret without standing in for it.
 */
export function createFingerprint(key: Secret<Uint8Array>): (secret: Secret) => string {
  const hmacKey = createSecretKey(key.reveal())
  return (secret) => createHmac('sha256', hmacKey).update(secret.reveal(), 'utf8').digest('hex').slice(0, 16)
}
