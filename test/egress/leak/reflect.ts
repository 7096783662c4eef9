/** The ways in which a downstream may say a text again, and a guarded answer without a network. */
import { Secret } from '../../../src/model/index.ts'
import { GuardedReceiver } from '../../../src/egress/leak/guarded-receiver.ts'
import { needlesOf } from '../../../src/egress/leak/needles.ts'
import { Search } from '../../../src/egress/leak/search.ts'
import { asSallyportError, type Placement, type SallyportError } from '../../../src/model/index.ts'

export type Encode = (text: string) => string

/** Character by character, in these ways by turns. */
export const each =
  (...ways: ((code: number) => string)[]): Encode =>
  (text) =>
    [...Buffer.from(text)].map((byte, index) => ways[index % ways.length]!(byte)).join('')
const hex = (code: number, length = 2) => code.toString(16).padStart(length, '0')

/** Of one character at a time: any mixture of these says the same text. */
export const escapes: Readonly<Record<string, (code: number) => string>> = {
  percent: (code) => `%${hex(code)}`,
  'percent in capitals': (code) => `%${hex(code).toUpperCase()}`,
  'JSON \\u': (code) => `\\u${hex(code, 4)}`,
  'JSON \\u in capitals': (code) => `\\u${hex(code, 4).toUpperCase()}`,
  'JavaScript \\x': (code) => `\\x${hex(code)}`,
  'JavaScript \\u{}': (code) => `\\u{${code.toString(16)}}`,
  'HTML decimal': (code) => `&#${code};`,
  'HTML decimal with zeros': (code) => `&#${String(code).padStart(7, '0')};`,
  'HTML hex': (code) => `&#x${code.toString(16)};`,
  'HTML hex in capitals': (code) => `&#X${code.toString(16).toUpperCase()};`,
}

const html: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** Of whole texts, as libraries do it. */
export const encodings: Readonly<Record<string, Encode>> = {
  raw: (text) => text,
  'in capitals': (text) => text.toUpperCase(),
  base64: (text) => Buffer.from(text).toString('base64'),
  'base64, second alignment': (text) => Buffer.from(`x${text}`).toString('base64'),
  'base64, third alignment': (text) => Buffer.from(`xy${text}z`).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  'base64url, second alignment': (text) => Buffer.from(`x${text}yz`).toString('base64url'),
  'base64 in lines': (text) =>
    Buffer.from(`${'long before '.repeat(4)}${text}${' long after'.repeat(9)}`)
      .toString('base64')
      .replace(/(.{60})/g, '$1\r\n'),
  'base64 in lines in JSON': (text) =>
    JSON.stringify({
      content: Buffer.from(`${'before '.repeat(6)}${text}`)
        .toString('base64')
        .replace(/(.{60})/g, '$1\n'),
    }),
  'base64 in a form': (text) => new URLSearchParams({ a: Buffer.from(text).toString('base64') }).toString(),
  'base64 in escaped JSON': (text) =>
    JSON.stringify({ a: Buffer.from(`ab${text}`).toString('base64') })
      .replaceAll('/', '\\/')
      .replaceAll('+', '\\u002b'),
  hex: (text) => Buffer.from(text).toString('hex'),
  'hex in capitals': (text) => Buffer.from(text).toString('hex').toUpperCase(),
  'hex in lines': (text) =>
    Buffer.from(`before ${text}`)
      .toString('hex')
      .replace(/(.{60})/g, '$1\n'),
  percent: encodeURIComponent,
  'percent twice': (text) => encodeURIComponent(encodeURIComponent(text)),
  form: (text) => new URLSearchParams({ a: text }).toString(),
  JSON: (text) => JSON.stringify({ a: text }),
  'JSON in JSON': (text) => JSON.stringify({ a: JSON.stringify({ b: text }) }),
  'JSON with slashes escaped': (text) => JSON.stringify(text).replaceAll('/', '\\/'),
  HTML: (text) => text.replaceAll(/[&<>"']/g, (found) => html[found] ?? found),
  'HTML twice': (text) =>
    text.replaceAll(/[&<>"']/g, (found) => html[found] ?? found).replaceAll('&', '&amp;'),
  'UTF-16, little end first': (text) => Buffer.from(text, 'utf16le').toString('latin1'),
  'UTF-16, big end first': (text) => Buffer.from(text, 'utf16le').swap16().toString('latin1'),
  ...Object.fromEntries(Object.entries(escapes).map(([name, one]) => [`every character ${name}`, each(one)])),
}

export interface Passed {
  readonly status?: number
  readonly head?: readonly string[]
  readonly bytes: Buffer
  readonly pieces: readonly Buffer[]
  readonly ended: boolean
  readonly error?: SallyportError
  readonly withheld: readonly string[]
}

export function searchFor(secret: string, placement: Placement = { kind: 'bearer' }): Search {
  return new Search(needlesOf({ secret: new Secret(secret, 'test'), placement })!)
}

/** What a caller gets of an answer: its body in these chunks, the head with these fields. */
export async function pass(
  search: Search,
  chunks: readonly (Buffer | string)[],
  fields: readonly string[] = [],
  status = 200,
): Promise<Passed> {
  const got: { status?: number; head?: readonly string[]; error?: SallyportError; ended: boolean } = {
    ended: false,
  }
  const pieces: Buffer[] = []
  const withheld: string[] = []
  await new Promise<void>((resolve) => {
    const guarded = new GuardedReceiver(
      {
        onStart: () => undefined,
        onSent: () => undefined,
        onHead: (code, head) => void Object.assign(got, { status: code, head }),
        onData: (chunk) => void pieces.push(chunk),
        onEnd: () => {
          got.ended = true
          resolve()
        },
        onError: (error) => {
          got.error = asSallyportError(error)
          resolve()
        },
      },
      { search, withheld: (why, where) => void withheld.push(`${why} ${where}`) },
    )
    guarded.onStart({ pause: () => undefined, resume: () => undefined, abort: () => undefined })
    guarded.onSent()
    guarded.onHead(status, fields, false)
    for (const chunk of chunks) guarded.onData(Buffer.from(chunk as never, 'latin1'), false)
    guarded.onEnd()
  })
  return { ...got, pieces, bytes: Buffer.concat(pieces), withheld }
}

/** All cuts of a text into two, or into pieces of a length. */
export function splits(text: Buffer): Buffer[][] {
  const two = Array.from({ length: text.length + 1 }, (_, at) => [text.subarray(0, at), text.subarray(at)])
  return [...two, ...[1, 2, 3, 7].map((length) => inPieces(text, length))]
}

export function inPieces(text: Buffer, length: number): Buffer[] {
  return Array.from({ length: Math.ceil(text.length / length) }, (_, index) =>
    text.subarray(index * length, (index + 1) * length),
  )
}
