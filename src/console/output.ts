/** Where a verb writes: lines for people on standard output, or one JSON value with `--json`; progress on standard error. */
export interface Output {
  readonly json: boolean
  line(text: string): void
  progress(text: string): void
}

/** Exit codes of every verb (design §10). */
export const exit = { done: 0, failed: 1, usage: 2, denied: 3, partly: 4 } as const
export type ExitCode = (typeof exit)[keyof typeof exit]

/** The same answer for people or for programs. */
export function say(output: Output, value: unknown, forPeople: () => readonly string[]): void {
  if (output.json) output.line(JSON.stringify(value))
  else for (const line of forPeople()) output.line(line)
}
