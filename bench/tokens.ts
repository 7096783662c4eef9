/** Tokens for the peers that verify one: ES256, with about the claims that sallyport's have. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { JWK } from 'jose'

export const issuer = 'https://bench.invalid'
export const audience = 'https://upstream.invalid'

export interface PeerTokens {
  readonly jwk: JWK
  readonly pem: string
  /** One that is good for an hour. */
  readonly good: string
  /** Others, each with a `jti` of its own. */
  many(count: number): Promise<string[]>
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export function createPeerTokens(): PeerTokens {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const head = encode({ alg: 'ES256', typ: 'JWT', kid: 'bench-1' })
  const now = Math.floor(Date.now() / 1000)
  const make = () => {
    const jti = randomBytes(12).toString('base64url')
    const claims = {
      iss: issuer,
      aud: audience,
      sub: 'alice',
      sid: 'ses_7a1f0e5b6c3d',
      scope: 'api',
      azp: 'bench',
    }
    const signed = `${head}.${encode({ ...claims, iat: now, exp: now + 3600, jti })}`
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const }
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
  }
  return {
    jwk: { ...(publicKey.export({ format: 'jwk' }) as JWK), kid: 'bench-1', alg: 'ES256', use: 'sig' },
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    good: make(),
    many: async (count) => Array.from({ length: count }, make),
  }
}

/** The same token with a signature of the same length that nobody made. */
export function withJunkSignature(token: string): string {
  const [head = '', payload = '', signature = ''] = token.split('.')
  return [head, payload, randomBytes(Buffer.from(signature, 'base64url').length).toString('base64url')].join(
    '.',
  )
}
