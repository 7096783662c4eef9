import { SallyportError } from './errors/error.ts'

/** A JSON value (RFC 8259 §3). */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

/** How deep values may lie in one another. */
const maxDepth = 64

/**
 * Reads JSON that has one meaning for every reader: no name twice in one object, no `__proto__`, nothing deeper than
 * 64, no number that a double cannot hold, no byte order mark. Whatever passes here is the same after it was written
 * out again.
 * @throws json_ambiguous, json_malformed
 */
export function parseStrictJson(text: string): Json {
  // First, so that nothing deep is ever built.
  const once = new Scan(text).isPlain()
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (error) {
    throw new SallyportError('json_malformed', {}, error)
  }
  if (!once) throw ambiguous()
  return value
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const quote = 0x22
const backslash = 0x5c
const brace = 0x7b
const bracket = 0x5b
const closeBrace = 0x7d
const closeBracket = 0x5d
const colon = 0x3a

/**
 * Looks through a text once, character by character: four megabytes take milliseconds, whatever stands in them. JSON.parse
 * judges the syntax.
 */
class Scan {
  readonly #text: string
  /** Names of the objects that are open; undefined for an array, and null for an object that has none yet. */
  readonly #open: (Set<string> | null | undefined)[] = []
  #at = 0
  /** The last string, without its quotes. */
  #from = 0
  #to = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Whether each name stands once, and numbers are what they say. @throws json_ambiguous where it is too deep */
  isPlain(): boolean {
    const text = this.#text
    let plain = true
    for (; this.#at < text.length; this.#at += 1) {
      const code = text.charCodeAt(this.#at)
      if (code === quote) this.#passString()
      else if (code === brace) this.#enter(null)
      else if (code === bracket) this.#enter(undefined)
      else if (code === closeBrace || code === closeBracket) this.#open.pop()
      else if (code === colon) plain = this.#addName() && plain
      else if (code === 0x2d || isDigit(code)) plain = this.#passNumber() && plain
    }
    return plain
  }

  #enter(names: null | undefined): void {
    if (this.#open.push(names) > maxDepth) throw ambiguous()
  }

  #passString(): void {
    const text = this.#text
    const from = this.#at + 1
    let end = text.indexOf('"', from)
    while (end !== -1 && isEscaped(text, from, end)) end = text.indexOf('"', end + 1)
    this.#from = from
    this.#to = end === -1 ? text.length : end
    this.#at = this.#to
  }

  #addName(): boolean {
    const last = this.#open.length - 1
    const raw = this.#text.slice(this.#from, this.#to)
    const name = raw.includes('\\') ? unescaped(raw) : raw
    const names = this.#open[last] ?? new Set()
    if (names.has(name) || name === '__proto__') return false
    names.add(name)
    if (last >= 0) this.#open[last] = names
    return true
  }

  #passNumber(): boolean {
    const text = this.#text
    const from = this.#at
    let end = from + 1
    let exact = true
    for (let code = text.charCodeAt(end); isOfNumber(code); code = text.charCodeAt(end)) {
      // 15 digits are exact, and within a double's range.
      if ((code | 0x20) === 0x65 || end - from >= 15) exact = false
      end += 1
    }
    this.#at = end - 1
    return exact || isExact(text.slice(from, end))
  }
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

const isOfNumber = (code: number): boolean =>
  isDigit(code) || code === 0x2e || code === 0x2b || code === 0x2d || (code | 0x20) === 0x65

/** Whether an odd number of backslashes stands before. */
function isEscaped(text: string, from: number, at: number): boolean {
  let before = at
  while (before > from && text.charCodeAt(before - 1) === backslash) before -= 1
  return (at - before) % 2 === 1
}

/** A name with escapes; one that is none is of a text that JSON.parse refuses. */
function unescaped(raw: string): string {
  try {
    return String(JSON.parse(`"${raw}"`))
  } catch {
    return raw
  }
}

/** Integers that a double rounds, and numbers beyond its range, would be others for another reader. */
function isExact(text: string): boolean {
  const value = Number(text)
  if (!Number.isFinite(value)) return false
  if (value === 0 && /^-?[0.]*[1-9]/.test(text)) return false
  return !Number.isInteger(value) || Number.isSafeInteger(value)
}

const ambiguous = (): SallyportError => new SallyportError('json_ambiguous')
