import { type ConfigProblem, describeProblem } from '../model/index.ts'
import { exit, type ExitCode, type Output } from './output.ts'
import { problemsOf } from './problems.ts'

/** A configuration that loads. */
export interface Checked {
  readonly version: string
  readonly warnings: readonly ConfigProblem[]
  /** The long form as a value and as YAML; secrets in both are references. */
  readonly expanded: unknown
  readonly yaml: string
}

export interface ValidateWords {
  readonly expand: boolean
}

/**
 * Say whether a configuration is valid and, with `expand`, what is in force. Warnings stand as comments before the
 * YAML, so that it can be piped into a file and loaded. What is no fault of the configuration is thrown on.
 */
export async function validate(
  words: ValidateWords,
  load: () => Promise<Checked>,
  output: Output,
): Promise<ExitCode> {
  try {
    sayValid(words, await load(), output)
    return exit.done
  } catch (error) {
    const problems = problemsOf(error)
    if (problems === undefined) throw error
    if (output.json) output.line(JSON.stringify({ ok: false, problems }))
    else {
      for (const problem of problems) output.line(describeProblem(problem))
      output.line(problems.length === 1 ? 'not valid: 1 problem' : `not valid: ${problems.length} problems`)
    }
    return exit.failed
  }
}

function sayValid(
  { expand }: ValidateWords,
  { version, warnings, expanded, yaml }: Checked,
  output: Output,
): void {
  if (output.json) {
    output.line(JSON.stringify({ ok: true, version, warnings, ...(expand ? { expanded } : {}) }))
    return
  }
  const told = warnings.map((it) => `warning: ${describeProblem(it)}`)
  if (expand) {
    for (const line of [...told, `policy ${version}`].join('\n').split('\n')) output.line(`# ${line}`)
    output.line(yaml.trimEnd())
  } else {
    for (const line of told) output.line(line)
    output.line(`valid, policy ${version}`)
  }
}
