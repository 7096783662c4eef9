import type { Check } from './suite.ts'

export interface Difference {
  readonly scenario: string
  readonly check: string
  /** Statuses, in order where a check was made several times; empty where it was not made. */
  readonly direct: string
  readonly through: string
  /** What the suite found wrong on the way through, in one line. */
  readonly why?: string
}

interface Outcome {
  readonly scenario: string
  readonly check: string
  readonly checks: Check[]
}

function byCheck(checks: readonly Check[]): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>()
  for (const check of checks) {
    const { scenario, id, name } = check
    const key = JSON.stringify([scenario, id, name])
    const outcome = outcomes.get(key) ?? { scenario, check: `${id} (${name})`, checks: [] }
    outcome.checks.push(check)
    outcomes.set(key, outcome)
  }
  return outcomes
}

const statuses = (outcome: Outcome | undefined) =>
  (outcome?.checks ?? []).map(({ status }) => status).join(' ')

/** Every check whose outcome is not the same through something as it is directly. */
export function differences(direct: readonly Check[], through: readonly Check[]): Difference[] {
  const before = byCheck(direct)
  const after = byCheck(through)
  const keys = new Set([...before.keys(), ...after.keys()])
  return [...keys].flatMap((key) => {
    const [was, is] = [before.get(key), after.get(key)]
    if (statuses(was) === statuses(is)) return []
    const { scenario, check } = (was ?? is)!
    const why = is?.checks.find(({ errorMessage }) => errorMessage !== undefined)?.errorMessage
    const difference = { scenario, check, direct: statuses(was), through: statuses(is) }
    return [why === undefined ? difference : { ...difference, why: why.replaceAll(/\s+/g, ' ') }]
  })
}

export const passed = (checks: readonly Check[]): number =>
  checks.filter(({ status }) => status === 'SUCCESS').length

/** What failed of the scenarios that have to pass. */
export function failedOf(checks: readonly Check[], scored: ReadonlySet<string>): Check[] {
  return checks.filter(({ scenario, status }) => status === 'FAILURE' && scored.has(scenario))
}
