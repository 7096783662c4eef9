/** How many spellings are remembered, and how long they may be: whoever sends headers chooses them. */
const maxNames = 2048
const maxLength = 64

/**
 * What a header's name alone says, by its spelling on the wire. The same few come with every message, so each is
 * judged once; those beyond the bounds, and those that are found to be no name, every time.
 */
export class ByName<T> {
  readonly #judge: (written: string) => T
  readonly #known = new Map<string, T>()

  constructor(judge: (written: string) => T) {
    this.#judge = judge
  }

  of(written: string): T {
    const known = this.#known.get(written)
    if (known !== undefined) return known
    const found = this.#judge(written)
    if (found !== undefined && this.#known.size < maxNames && written.length <= maxLength)
      this.#known.set(written, found)
    return found
  }
}
