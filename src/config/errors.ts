import { type ConfigProblem, describeProblem, SallyportError } from '../model/index.ts'

/** Everything that is wrong with a configuration, in the order of its lines. Nothing of it is in force. */
export class ConfigErrors extends SallyportError {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    const first = problems[0]
    super('config_invalid', first === undefined ? {} : { field: first.path, remedy: first.remedy })
    this.name = 'ConfigErrors'
    this.problems = [...problems].sort(
      (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    )
  }

  /** All problems for people, two lines each. */
  describe(): string {
    return this.problems.map(describeProblem).join('\n')
  }
}
