import { createHash, hash } from 'node:crypto'
import type { PublicKeyJwk } from './keys.ts'
import { quote } from './text.ts'

/**
 * The line format, version 1. Every line is one JSON object in printable ASCII that begins with `n`, `at`, `prev`,
 * `kind`, in this order and without white space; `prev` is the SHA-256, hex, of the former line's bytes without its
 * newline. So `sed -n 7p file | tr -d '\n' | sha256sum` is what line 8 says.
 */
const formatVersion = 1
export const noHash = '0'.repeat(64)

/** A place in a chain: a line's number and the hash of its bytes. */
export interface Tip {
  readonly n: number
  readonly hash: string
}

export interface LineHead extends Pick<Tip, 'n'> {
  readonly at: string
  readonly prev: string
  readonly kind: string
}

/** How the chain before ended, as its successor found it. `torn` is what a crash left after its last whole line. */
export interface Previous extends Tip {
  readonly chain: string
  readonly torn?: { readonly bytes: number; readonly hash: string }
}

export function makeLine(n: number, at: string, prev: string, body: string): string {
  return `{"n":${n},"at":"${at}","prev":"${prev}",${body}}`
}

export function hashLine(line: string | Uint8Array): string {
  return hash('sha256', line, 'hex')
}

const head =
  /^\{"n":(0|[1-9]\d{0,14}),"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","prev":"([0-9a-f]{64})","kind":"([a-z_]{1,32})"/
/** The longest that `head` can match. */
const headBytes = 200

/** The fixed beginning of a line, or undefined if these bytes are no line of a record. */
export function readHead(bytes: Buffer): LineHead | undefined {
  if (bytes.at(-1) !== 0x7d) return undefined
  const found = head.exec(bytes.toString('latin1', 0, Math.min(headBytes, bytes.length)))
  if (found === null) return undefined
  const [, n = '', at = '', prev = '', kind = ''] = found
  return { n: Number(n), at, prev, kind }
}

/** A whole line as an object; undefined if it is no JSON object. */
export function parseLine(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** At the latest after so many lines, or so many seconds after the first unsigned one, a head is written. */
export interface HeadInterval {
  readonly lines: number
  readonly seconds: number
}

export interface Genesis extends ChainIdentity {
  readonly started: string
  readonly previous: Previous | null
}

export function genesisBody(genesis: Genesis): string {
  const { chain, started, key, thumbprint, heads, previous } = genesis
  return `"kind":"genesis",${members({ format: formatVersion, chain, started, key, thumbprint, heads, previous })}`
}

/** What every segment says about its chain, so that it can be verified when earlier ones are deleted. */
export interface ChainIdentity {
  readonly chain: string
  readonly key: PublicKeyJwk
  readonly thumbprint: string
  readonly heads: HeadInterval
}

export function segmentBody(
  segment: ChainIdentity & {
    readonly segment: number
    readonly reason: 'full' | 'write_failed'
    /** Outcomes that could not be kept while nothing could be written. */
    readonly lost: number
  },
): string {
  return `"kind":"segment",${members(segment)}`
}

export function sealBody(chain: string, segment: number): string {
  return `"kind":"seal",${members({ chain, segment })}`
}

/** Everything at or before `through` was deleted by retention. */
export interface Through extends Tip {
  readonly chain: string
}

export function retentionBody(through: Through, files: readonly string[]): string {
  return `"kind":"retention",${members({ through, files })}`
}

/** What a `head` or `close` line is signed over: it fixes every part of that line. */
export interface Statement {
  readonly kind: 'head' | 'close'
  readonly chain: string
  readonly of: Tip
  readonly at: string
  readonly thumbprint: string
}

export function statementBytes(statement: Statement): Buffer {
  const { kind, chain, of, at, thumbprint } = statement
  return Buffer.from(
    `sallyport-record-${formatVersion}\n${kind}\n${chain}\n${of.n}\n${of.hash}\n${at}\n${thumbprint}`,
  )
}

export function signedBody(statement: Statement, signature: Uint8Array): string {
  const { kind, chain, of, thumbprint } = statement
  const sig = Buffer.from(signature).toString('base64url')
  return `"kind":"${kind}",${members({ chain, of: of.n, hash: of.hash, key: thumbprint, sig })}`
}

/** Hash of what is left after the last whole line, as `Previous.torn` says it. */
export function hashTorn(pieces: Iterable<Uint8Array>): string {
  const sum = createHash('sha256')
  for (const piece of pieces) sum.update(piece)
  return sum.digest('hex')
}

function members(value: object): string {
  return Object.entries(value)
    .map(([name, member]) => `"${name}":${encode(member)}`)
    .join(',')
}

function encode(value: unknown): string {
  if (typeof value === 'string') return quote(value, 1024)
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`
  if (typeof value === 'object' && value !== null) return `{${members(value)}}`
  return JSON.stringify(value)
}
