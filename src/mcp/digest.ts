import { createHmac, createSecretKey } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { JsonObject, Secret } from '../model/index.ts'

/**
 * A digest of a call's parameters: HMAC-SHA-256 over their canonical form (RFC 8785), under a key that stays here, since
 * parameters are often so few that anybody could try them all.
 */
export function createDigest(key: Secret<Uint8Array>): (args: JsonObject) => string {
  // A key object, since Node looks at bytes anew each time, which costs more than all the rest.
  const secret = createSecretKey(key.reveal())
  return (args) =>
    createHmac('sha256', secret)
      .update(canonicalize(args) ?? '')
      .digest('base64url')
}
