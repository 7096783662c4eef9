import { type Genesis, parseLine, type Previous, type Statement, type Through } from './lines.ts'

type Json = Readonly<Record<string, unknown>>

/** What a genesis or segment line says about its chain; the key is not looked at yet. */
export interface Introduction {
  readonly chain: string
  readonly key: unknown
  readonly thumbprint: string
  readonly heads: Genesis['heads']
}

export function readGenesis(
  bytes: Buffer,
): (Introduction & { readonly previous: Previous | null }) | undefined {
  const line = parseLine(bytes)
  if (line === undefined || line['kind'] !== 'genesis') return undefined
  const known = introduction(line)
  const previous = line['previous'] === null ? null : readPrevious(line['previous'])
  return known === undefined || previous === undefined ? undefined : { ...known, previous }
}

export function readSegment(
  bytes: Buffer,
): (Introduction & { readonly reason: string; readonly lost: number }) | undefined {
  const line = parseLine(bytes)
  const known = line === undefined ? undefined : introduction(line)
  if (line === undefined || known === undefined) return undefined
  return { ...known, reason: text(line['reason']), lost: whole(line['lost']) ?? 0 }
}

export function readThrough(bytes: Buffer): Through | undefined {
  const through = object(parseLine(bytes)?.['through'])
  const n = whole(through['n'])
  return n === undefined ? undefined : { chain: text(through['chain']), n, hash: text(through['hash']) }
}

/** The parts of a signed line that its statement is made of, and the signature. */
export function readSigned(
  bytes: Buffer,
): (Omit<Statement, 'kind' | 'at'> & { readonly sig: string }) | undefined {
  const line = parseLine(bytes)
  const n = whole(line?.['of'])
  if (line === undefined || n === undefined) return undefined
  const of = { n, hash: text(line['hash']) }
  return { chain: text(line['chain']), of, thumbprint: text(line['key']), sig: text(line['sig']) }
}

function introduction(line: Json): Introduction | undefined {
  const heads = object(line['heads'])
  const lines = whole(heads['lines'])
  const seconds = heads['seconds']
  if (lines === undefined || typeof seconds !== 'number') return undefined
  return {
    chain: text(line['chain']),
    key: line['key'],
    thumbprint: text(line['thumbprint']),
    heads: { lines, seconds },
  }
}

function readPrevious(value: unknown): Previous | undefined {
  const { chain, n, hash, torn } = object(value)
  if (typeof chain !== 'string' || typeof n !== 'number' || typeof hash !== 'string') return undefined
  if (torn === undefined) return { chain, n, hash }
  const rest = object(torn)
  return { chain, n, hash, torn: { bytes: whole(rest['bytes']) ?? -1, hash: text(rest['hash']) } }
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function whole(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
