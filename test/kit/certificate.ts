import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'

export interface Certificate {
  /** PEM. */
  readonly key: string
  readonly cert: string
}

const hour = 3_600_000

/** A certificate for these names that vouches for itself, for an hour (RFC 5280 §4.1): Node makes keys, not these. */
export function certificateFor(...names: readonly string[]): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer = node(0x30, oid('1.2.840.10045.4.3.2'))
  const subject = node(
    0x30,
    node(0x31, node(0x30, oid('2.5.4.3'), node(0x0c, Buffer.from('sallyport tests')))),
  )
  const now = Date.now()
  const validity = node(0x30, time(now - hour), time(now + hour))
  const serial = node(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)]))
  const body = node(
    0x30,
    node(0xa0, node(0x02, Buffer.of(2))),
    serial,
    signer,
    subject,
    validity,
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    node(0xa3, node(0x30, alternativeNames(names))),
  )
  return { key: pemOf(privateKey), cert: pem('CERTIFICATE', signed(body, signer, privateKey)) }
}

function signed(body: Buffer, signer: Buffer, key: KeyObject): Buffer {
  const signature = sign('sha256', body, key)
  return node(0x30, body, signer, node(0x03, Buffer.of(0), signature))
}

function alternativeNames(names: readonly string[]): Buffer {
  const list = names.map((name) =>
    isIPv4(name) ? node(0x87, Buffer.from(name.split('.').map(Number))) : node(0x82, Buffer.from(name)),
  )
  return node(0x30, oid('2.5.29.17'), node(0x04, node(0x30, ...list)))
}

/** One DER element (X.690 §8.1). */
function node(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc, index) => {
    if (index === 0) return [arc]
    const digits = [arc & 127]
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128)
    return digits
  })
  return node(0x06, Buffer.from(bytes))
}

function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return node(0x18, Buffer.from(text))
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
