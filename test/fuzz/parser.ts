/** One of our parsers under test: what it makes of an input, and what has to hold whatever the input is. */
export interface Parser {
  readonly name: string
  /** Pieces that mutations put in: what the parser's grammar is made of, and what has fooled others. */
  readonly words: readonly string[]
  /**
   * What becomes of the input, in a few words that stand in the corpus: the code of a refusal, or the accepted form.
   * @throws where something does not hold that has to
   */
  readonly judge: (input: string) => string | Promise<string>
  readonly close?: () => Promise<void>
}

/** What does not hold for an input. */
class Violation extends Error {}

export function hold(truth: boolean, what: string, ...seen: readonly unknown[]): asserts truth {
  if (!truth) throw new Violation([what, ...seen.map((it) => JSON.stringify(it))].join(' '))
}
