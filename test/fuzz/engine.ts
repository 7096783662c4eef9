/** Mutates kept inputs, judges what comes out, and keeps what breaks. Reproducible by its seed. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Parser } from './parser.ts'

/** Inputs and what becomes of them; `null` where only what always holds is looked at. */
export type Corpus = Readonly<Record<string, string | null>>

const folderOf = (parser: string): URL => new URL(`corpus/${parser}/`, import.meta.url)

export function readCorpus(parser: string): Corpus {
  const folder = folderOf(parser)
  if (!existsSync(folder)) return {}
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return Object.assign(
    {},
    ...files.map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Corpus),
  ) as Corpus
}

/** Keeps a failing input beside the others. Returns where. */
export function keep(parser: string, input: string): string {
  const name = `found-${createHash('sha256').update(input).digest('hex').slice(0, 8)}.json`
  const at = new URL(name, folderOf(parser))
  writeFileSync(at, `${JSON.stringify({ [input]: null }, undefined, 2)}\n`)
  return fileURLToPath(at)
}

/** Numbers that look random and are the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

type Random = () => number
const below = (random: Random, limit: number): number => Math.floor(random() * limit)
const pick = <T>(random: Random, from: readonly T[]): T => from[below(random, from.length)]!

type Mutation = (text: string, random: Random, words: readonly string[], pool: readonly string[]) => string

const put = (text: string, at: number, piece: string, dropped = 0): string =>
  text.slice(0, at) + piece + text.slice(at + dropped)

const mutations: readonly Mutation[] = [
  (text, random, words) => put(text, below(random, text.length + 1), pick(random, words)),
  (text, random, words) => put(text, below(random, text.length + 1), pick(random, words), below(random, 4)),
  (text, random) => put(text, below(random, text.length + 1), '', 1 + below(random, 8)),
  (text, random) => put(text, below(random, text.length), String.fromCharCode(below(random, 256)), 1),
  (text, random) => put(text, below(random, text.length + 1), String.fromCharCode(below(random, 128))),
  // Percent-encode a character, or break an encoding in two.
  (text, random) => {
    const at = below(random, text.length)
    const code = (text.codePointAt(at) ?? 0x20) & 0xff
    const hex = code.toString(16).padStart(2, '0')
    return put(text, at, `%${random() < 0.5 ? hex : hex.toUpperCase()}`, 1)
  },
  // The same with one bit the other way.
  (text, random) => {
    const at = below(random, text.length)
    return put(text, at, String.fromCharCode((text.charCodeAt(at) ^ (1 << below(random, 8))) & 0xffff), 1)
  },
  // Twice what stood there once.
  (text, random) => {
    const from = below(random, text.length)
    const piece = text.slice(from, from + 1 + below(random, 16))
    return put(text, from, piece.repeat(1 + below(random, 3)))
  },
  // The head of one and the tail of another.
  (text, random, _words, pool) => {
    const other = pick(random, pool)
    return text.slice(0, below(random, text.length + 1)) + other.slice(below(random, other.length + 1))
  },
  (text, random) => {
    const at = below(random, text.length)
    const char = text.charAt(at)
    return put(text, at, char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase(), 1)
  },
]

const longest = 4_096

export interface Found {
  readonly input: string
  readonly error: unknown
}

export interface Run {
  readonly tried: number
  readonly accepted: number
  readonly found: readonly Found[]
}

/**
 * Tries inputs until `until` says so or one breaks. An input whose outcome is of a kind not seen yet is mutated
 * further, so that the search goes on from what gets deep.
 */
export async function fuzz(
  parser: Parser,
  options: { readonly seed: number; readonly until: (tried: number) => boolean; readonly all?: boolean },
): Promise<Run> {
  const random = randomFrom(options.seed)
  const pool = Object.keys(readCorpus(parser.name))
  const kinds = new Set<string>()
  const found: Found[] = []
  let tried = 0
  let accepted = 0
  while (!options.until(tried) && (found.length === 0 || options.all === true)) {
    let input = pick(random, pool)
    for (let times = 1 + below(random, 4); times > 0; times -= 1) {
      input = pick(random, mutations)(input, random, parser.words, pool).slice(0, longest)
    }
    tried += 1
    try {
      const judged = parser.judge(input)
      const outcome = judged instanceof Promise ? await judged : judged
      if (!isRefusal(outcome)) accepted += 1
      const kind = kindOf(outcome)
      if (kinds.has(kind) || kinds.size > 5_000) continue
      kinds.add(kind)
      pool.push(input)
    } catch (error) {
      found.push({ input, error })
    }
  }
  return { tried, accepted, found }
}

/** A refusal is one code; what was accepted is told with more than that. */
const isRefusal = (outcome: string): boolean => /^[a-z_]+$/.test(outcome)

/** Outcomes that differ in words only are of one kind. */
const kindOf = (outcome: string): string =>
  outcome
    .replace(/[A-Za-z]+/g, 'a')
    .replace(/[0-9]+/g, '0')
    .slice(0, 48)
