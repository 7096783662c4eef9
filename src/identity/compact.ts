import { SallyportError } from '../model/index.ts'

/** The longest token that is looked at, in characters. */
const maxTokenLength = 16_384

export type Claims = Readonly<Record<string, unknown>>

/** A compact JWS (RFC 7515 §7.1) taken apart. Nothing of it is verified yet. */
export interface CompactJws {
  readonly header: Claims
  readonly payload: Claims
  /** What the signature is over: the first two parts with the dot between them. */
  readonly signed: string
  readonly signature: Buffer
}

const shape = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
const forbiddenHeaders = ['crit', 'jwk', 'jku', 'x5u', 'x5c', 'zip', 'b64'] as const

/**
 * Exactly three base64url parts, header and payload a JSON object each, in canonical base64url, at most
 * `maxTokenLength` long. Refused besides: critical extensions (RFC 7515 §4.1.11), and every header by which a
 * token would say where the key to verify it with is to be found.
 * @throws token_malformed
 */
export function parseCompact(token: string): CompactJws {
  if (token.length > maxTokenLength || !shape.test(token)) throw new SallyportError('token_malformed')
  const first = token.indexOf('.')
  const last = token.lastIndexOf('.')
  const header = object(bytes(token.slice(0, first)))
  for (const name of forbiddenHeaders) {
    if (Object.hasOwn(header, name)) throw new SallyportError('token_malformed')
  }
  return {
    header,
    payload: object(bytes(token.slice(first + 1, last))),
    signed: token.slice(0, last),
    signature: bytes(token.slice(last + 1)),
  }
}

/** The unverified `iss`: good for choosing whose keys to verify with, and for nothing else. */
export function claimedIssuer(jws: CompactJws): string {
  const issuer = jws.payload['iss']
  if (typeof issuer !== 'string' || issuer === '') throw new SallyportError('token_claims_invalid')
  return issuer
}

function bytes(part: string): Buffer {
  const decoded = Buffer.from(part, 'base64url')
  if (decoded.toString('base64url') !== part) throw new SallyportError('token_malformed')
  return decoded
}

function object(json: Buffer): Claims {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json))
  } catch (error) {
    throw new SallyportError('token_malformed', {}, error)
  }
  if (!isObject(value)) throw new SallyportError('token_malformed')
  return value
}

export function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
