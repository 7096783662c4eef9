import { type ConfigProblem, SallyportError } from '../model/index.ts'

/** What the configuration room throws carries every problem; console does not know that room. */
export function problemsOf(error: unknown): readonly ConfigProblem[] | undefined {
  if (!(error instanceof SallyportError) || !('problems' in error) || !Array.isArray(error.problems))
    return undefined
  return error.problems as readonly ConfigProblem[]
}
