import { type ExplainTerms, type ExplainWords, explanationOf, questionOf } from './explain.ts'
import { exit, type ExitCode, type Output, say } from './output.ts'

/** A question and the answer that it should have: `allow`, `deny`, or the reason code of the denial. */
export interface PolicyCase extends ExplainWords {
  readonly name: string
  readonly expect: string
}

interface Tested {
  readonly name: string
  readonly ok: boolean
  readonly expected: string
  readonly got: string
  readonly rule: string
}

/**
 * `test`: puts each question to the function that decides every request. Exit codes: 0 all answers are as expected, 1
 * otherwise.
 */
export function testPolicy(cases: readonly PolicyCase[], terms: ExplainTerms, output: Output): ExitCode {
  const tested = cases.map((it) => testCase(it, terms))
  const failed = tested.filter(({ ok }) => !ok)
  say(output, { ok: failed.length === 0, cases: tested }, () => [
    ...failed.map(
      ({ name, expected, got, rule }) => `✗ ${name}: expected ${expected}, got ${got} by ${rule}`,
    ),
    `${tested.length - failed.length} as expected, ${failed.length} not`,
  ])
  return failed.length === 0 && tested.length > 0 ? exit.done : exit.failed
}

function testCase(it: PolicyCase, terms: ExplainTerms): Tested {
  const { name, expect: expected } = it
  const question = questionOf(it, terms)
  if (typeof question === 'string') return { name, ok: false, expected, got: question, rule: 'the question' }
  const { decision, reason, rule } = explanationOf(question, terms.policy)
  const got = decision === 'allow' ? 'allow' : reason
  return { name, ok: expected === got || expected === decision, expected, got, rule }
}
