import type { KnownOperation } from '../../model/index.ts'
import { literals, literalWords } from './operations.ts'
import { type Fit, fit } from './parameters.ts'
import { type Meaning, meaningOf, wordsOf } from './words.ts'

/** An operation that a tool seems to use, by its name. */
export interface Guess {
  readonly operation: KnownOperation
  readonly fit: Fit
  /** What the guess is made of. */
  readonly by: string
}

export interface Asked {
  readonly name: string
  readonly parameters: ReadonlyMap<string, string>
}

/** The operation that fits best, those that fit alike, or none. */
export function guess(asked: Asked, operations: readonly KnownOperation[]): readonly Guess[] {
  const meaning = meaningOf(asked.name)
  if (meaning.words.length === 0) return []
  const scored = operations.flatMap((operation) => {
    const found = score(operation, meaning, fit(operation, asked.parameters))
    return found === undefined ? [] : [{ ...found, operation }]
  })
  const best = Math.max(...scored.map(({ points }) => points))
  return scored.filter(({ points }) => points === best).map(({ points: _, ...one }) => one)
}

interface Scored {
  readonly points: number
  readonly fit: Fit
  readonly by: string
}

function score(operation: KnownOperation, meaning: Meaning, fitting: Fit): Scored | undefined {
  const bound = Object.keys(fitting.bind).length - 2 * fitting.missing.path.length
  const own = wordsOf(operation.name ?? '')
  if (own.length > 0 && own.join(' ') === meaning.words.join(' '))
    return { points: 1000 + bound, fit: fitting, by: 'its operationId' }
  const { intent, nouns } = meaning
  const last = wordsOf(literals(operation.path).at(-1) ?? '')
  // `POST /orders/{id}/cancel`: the verb is in the path, and any method may do it.
  const spelt = last.some((word) => meaning.words.includes(word) && !nouns.includes(word))
  const fits = intent === undefined || spelt || methods[intent].includes(operation.method)
  if (nouns.length === 0 || !fits) return undefined
  const all = new Set([...literalWords(operation.path), ...own])
  const meant = nouns.every((noun) => all.has(noun)) && last.some((word) => meaning.words.includes(word))
  if (!meant) return undefined
  // What the name does not speak of is likely to be another thing.
  const beside = literalWords(operation.path).filter((word) => !meaning.words.includes(word)).length
  return { points: 10 * nouns.length - beside + 2 * bound, fit: fitting, by: 'the words of its name' }
}

const methods = {
  read: ['GET', 'HEAD'],
  create: ['POST', 'PUT'],
  change: ['PUT', 'PATCH'],
  remove: ['DELETE'],
} as const satisfies Record<NonNullable<Meaning['intent']>, readonly string[]> as Readonly<
  Record<NonNullable<Meaning['intent']>, readonly string[]>
>
