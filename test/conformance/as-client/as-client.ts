/** The suite's client leg with sallyport as the OAuth client, and what of it is not as it should be. */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Surroundings } from '../conformance.ts'
import { passed } from '../compare.ts'
import { type Check, clientChecks, clientScenarios, type Revision, runClientSuite } from '../suite.ts'
import { startDriver } from './driver.ts'

export interface ScenarioReport {
  readonly scenario: string
  /** Checks that passed. */
  readonly passed: number
  /** What was wrong: by the suite, then by what sallyport was seen to do. */
  readonly wrong: readonly string[]
}

export interface ClientReport {
  readonly revision: Revision
  readonly scenarios: readonly ScenarioReport[]
  /** Listed as failing, and failing. */
  readonly expected: readonly string[]
  /** Wrong and not listed, or listed and not wrong. */
  readonly unexpected: readonly string[]
}

/** A scenario's warnings count, too: it fails by them in the suite's own eyes. */
function wrongIn(checks: readonly Check[], outcome: string | undefined): readonly string[] {
  const bad = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
  const said = bad.map(
    ({ id, name, description, errorMessage }) => `${id}: ${errorMessage ?? description ?? name}`,
  )
  return outcome === undefined ? said : [...said, `sallyport: ${outcome}`]
}

const listed = new URL('expected-failures.yaml', import.meta.url)

async function expectedFailures(): Promise<ReadonlySet<string>> {
  const { client } = parse(await readFile(listed, 'utf8')) as { client: string[] }
  return new Set(client)
}

export async function actAsClient(
  revision: Revision,
  { suite, folder: results, tell }: Surroundings,
): Promise<ClientReport> {
  const folder = join(results, `${revision}-as-client`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const { scored, extensions } = await clientScenarios(suite, revision)
  const wanted = [...scored, ...extensions]
  const expected = await expectedFailures()
  const driver = await startDriver((name) => wanted.includes(name) && !expected.has(name))
  const started = performance.now()
  tell(`${revision} as client: ${wanted.length} scenarios …`)
  try {
    await runClientSuite({ suite, revision, folder, driver: driver.url })
  } finally {
    await driver.stop()
  }
  const scenarios = await Promise.all(
    wanted.map(async (scenario) => {
      const checks = await clientChecks(folder, scenario)
      const wrong = wrongIn(checks, driver.outcomes.get(scenario))
      return { scenario, passed: passed(checks), wrong }
    }),
  )
  tell(`${revision} as client: done in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  const failing = scenarios.filter(({ wrong }) => wrong.length > 0).map(({ scenario }) => scenario)
  return {
    revision,
    scenarios,
    expected: failing.filter((scenario) => expected.has(scenario)),
    unexpected: wanted.filter((scenario) => failing.includes(scenario) !== expected.has(scenario)),
  }
}
