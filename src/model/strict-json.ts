import { SallyportError } from './errors/error.ts'

/** A JSON value (RFC 8259 §3). */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

/** How deep values may lie in one another. */
const maxDepth = 64

/** A string, a number, or one sign of structure; blanks and literals are read over. JSON.parse judges the syntax. */
const token = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}[\],:]/gs

/**
 * Reads JSON that has one meaning for every reader: no name twice in one object, no `__proto__`, nothing deeper than
 * 64, no number that a double cannot hold, no byte order mark. Whatever passes here is the same after it was written
 * out again.
 * @throws json_ambiguous, json_malformed
 */
export function parseStrictJson(text: string): Json {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (error) {
    throw new SallyportError('json_malformed', {}, error)
  }
  checkOnce(text)
  return value
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Of syntax that has been judged: each name once, bounded depth, numbers that are what they say. */
function checkOnce(text: string): void {
  /** Names of the objects that are open; undefined for an array. */
  const open: (Set<string> | undefined)[] = []
  let former = ''
  for (const [piece] of text.matchAll(token)) {
    const first = piece.charCodeAt(0)
    if (piece === '{' || piece === '[') {
      open.push(piece === '{' ? new Set() : undefined)
      if (open.length > maxDepth) throw ambiguous()
    } else if (piece === '}' || piece === ']') open.pop()
    else if (piece === ':') addName(open.at(-1), former)
    else if (first === 0x2d || (first >= 0x30 && first <= 0x39)) checkNumber(piece)
    former = piece
  }
}

function addName(names: Set<string> | undefined, quoted: string): void {
  const name = quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1)
  if (names === undefined || names.has(name) || name === '__proto__') throw ambiguous()
  names.add(name)
}

/** Integers that a double rounds, and numbers beyond its range, would be others for another reader. */
function checkNumber(text: string): void {
  const value = Number(text)
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) throw ambiguous()
}

const ambiguous = (): SallyportError => new SallyportError('json_ambiguous')
