/** What is wrong with a configuration, where, and what to do about it. Never holds a secret or a value. */
export interface ConfigProblem {
  readonly file: string
  /** From 1; absent where the problem is that there is nothing at all. */
  readonly line?: number
  readonly column?: number
  /** `downstreams.orders.url`; empty for the document as a whole. */
  readonly path: string
  readonly problem: string
  readonly remedy: string
}

/** One problem for people: `sallyport.yaml:7:5 downstreams.orders.url: …`, and the remedy below. */
export function describeProblem(it: ConfigProblem): string {
  const place = it.line === undefined ? it.file : `${it.file}:${it.line}:${it.column ?? 1}`
  return `${place}${it.path === '' ? '' : ` ${it.path}`}: ${it.problem}\n    ${it.remedy}`
}
