import type { LineHead, Tip } from './lines.ts'
import type { Findings } from './report.ts'

export interface Place {
  readonly file: string
  readonly line: number
}

/** Numbers that were skipped and may still turn up. */
interface Gap {
  readonly from: number
  readonly to: number
  readonly place: Place
}

const maxGaps = 1000

/** Tells where in its chain a line belongs, and what its place says about it. */
export class LineOrder {
  readonly #findings: Findings
  #gaps: Gap[] = []
  #loose = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** So many lines before the next one could not be read; they have been told. */
  unread(count: number): void {
    this.#loose = count
  }

  /** The number that the line takes after `end`; undefined if it is out of place, which has been told. */
  place(head: LineHead, end: Tip, at: { readonly here: Place; readonly before: Place }): number | undefined {
    const expected = end.n + 1
    const loose = this.#loose
    this.#loose = 0
    if (loose > 0 && head.n >= expected && head.n <= expected + loose) return head.n
    const fits = head.prev === end.hash
    if (head.n === expected && fits) return expected
    if (head.n === expected) {
      const sentence = `Line number ${end.n} was changed, or the reference to it in the next line.`
      this.#findings.problem(at.before, 'tampered-line', sentence)
      return expected
    }
    if (fits) {
      const sentence = `The line in the place of number ${expected} says another number.`
      this.#findings.problem(at.here, 'tampered-line', sentence)
      return expected
    }
    if (head.n > expected) return this.#skip(expected, head.n, at.here)
    this.#misplaced(head.n, at.here)
    return undefined
  }

  /** Tell what was skipped and did not turn up. */
  finish(): void {
    for (const { from, to, place } of this.#gaps) {
      const which = from === to ? `Line number ${from} is` : `Lines number ${from} to ${to} are`
      this.#findings.problem(place, 'removed-lines', `${which} missing before this line.`)
    }
  }

  #skip(expected: number, n: number, place: Place): number {
    if (this.#gaps.length < maxGaps) this.#gaps.push({ from: expected, to: n - 1, place })
    else
      this.#findings.problem(place, 'removed-lines', `Line number ${expected} is missing before this line.`)
    return n
  }

  #misplaced(n: number, place: Place): void {
    const index = this.#gaps.findIndex(({ from, to }) => from <= n && n <= to)
    const gap = this.#gaps[index]
    if (gap === undefined) {
      this.#findings.problem(place, 'duplicated-line', `Line number ${n} stands here a second time.`)
      return
    }
    const parts = [
      { ...gap, to: n - 1 },
      { ...gap, from: n + 1 },
    ]
    this.#gaps.splice(index, 1, ...parts.filter(({ from, to }) => from <= to))
    const sentence = `Line number ${n} stands in another place than it was written in.`
    this.#findings.problem(place, 'reordered-line', sentence)
  }
}
