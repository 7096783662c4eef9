import { type Coding, codingOf } from './coding.ts'

/** What the head of an answer says about its body. */
export interface AnswerHead {
  /** To be taken off, or why the answer cannot be searched. */
  readonly coding: Coding | 'identity' | 'unknown'
  /** A piece of an answer, or the difference to another one (RFC 9110 §14, RFC 3229). */
  readonly partial: boolean
  /** Whether the body comes at once: its length is declared. */
  readonly short: boolean
}

/** Reads it, in one pass. Names are in lower case. */
export function readAnswerHead(status: number, head: readonly string[]): AnswerHead {
  let encoding = ''
  let framed = true
  let partial = status === 206 || status === 226
  let short = false
  for (let index = 0; index < head.length; index += 2) {
    const value = head[index + 1] ?? ''
    switch (head[index]) {
      case 'content-encoding':
        encoding += `,${value}`
        break
      case 'transfer-encoding':
        // Any other transfer coding would be compression that nobody took off.
        framed &&= value.toLowerCase() === 'chunked'
        break
      case 'content-range':
        partial = true
        break
      case 'content-length':
        short = true
        break
      default:
    }
  }
  const coding = !framed ? 'unknown' : encoding === '' ? 'identity' : codingOf(encoding)
  return { coding, partial, short }
}

/** Of the coded body, and no more true of the decoded one. */
const ofCoded = new Set([
  'content-encoding',
  'content-length',
  'content-digest',
  'content-md5',
  'digest',
  'repr-digest',
])

/** The head of the decoded answer. */
export function decodedHead(head: readonly string[]): string[] {
  const kept: string[] = []
  for (let index = 0; index < head.length; index += 2) {
    const name = head[index] ?? ''
    if (!ofCoded.has(name)) kept.push(name, head[index + 1] ?? '')
  }
  return kept
}

/** Ask for a piece of an answer, by their names in lower case; the last two are older and vendors' spellings. */
const ranges = new Set(['range', 'request-range', 'x-ms-range'])

/** Whether a request asks for a piece of an answer only. */
export function asksForRange(head: readonly string[]): boolean {
  for (let index = 0; index < head.length; index += 2) if (ranges.has(head[index] ?? '')) return true
  return false
}
