import { createHmac, type KeyObject, sign } from 'node:crypto'

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A compact JWS that no decent library would write: any header, any payload, signed as the attacker likes. */
export function forge(
  header: Record<string, unknown>,
  payload: unknown,
  signer: (text: string) => Buffer,
): string {
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${signer(signed).toString('base64url')}`
}

export const byHmac = (key: string | Buffer) => (text: string) =>
  createHmac('sha256', key).update(text).digest()
export const byRsa = (key: KeyObject) => (text: string) => sign('sha256', Buffer.from(text), key)
export const byEd25519 = (key: KeyObject) => (text: string) => sign(null, Buffer.from(text), key)
