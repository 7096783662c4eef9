/** One run of the official suite against one URL, and what its result files say. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { lastLines } from '../kit/parts/run.ts'

export const revisions = ['2025-11-25', '2026-07-28'] as const
export type Revision = (typeof revisions)[number]

export interface Check {
  readonly scenario: string
  readonly id: string
  /** Checks of one id can differ in this, and some repeat with the same. */
  readonly name: string
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  readonly errorMessage?: string
}

interface Requirements {
  readonly server: readonly string[]
  readonly not_scored: readonly { readonly scenario: string; readonly leg: string }[]
}

const limitMs = 5 * 60_000
/** For one scenario. The longest that goes well takes five seconds. */
const scenarioMs = '15000'
const time = /^\d{4}-\d\d-\d\dT/
const place = (suite: string) => join(suite, 'node_modules', '@modelcontextprotocol', 'conformance')

async function requirements(suite: string, revision: Revision): Promise<Requirements> {
  return parse(await readFile(join(place(suite), 'requirements', `${revision}.yaml`), 'utf8')) as Requirements
}

/** The scenarios that a server has to pass; the suite runs more of them than these. */
export async function scoredScenarios(suite: string, revision: Revision): Promise<ReadonlySet<string>> {
  return new Set((await requirements(suite, revision)).server)
}

export interface SuiteRun {
  /** The folder with the installed suite. */
  readonly suite: string
  readonly url: string
  readonly revision: Revision
  /** Where the result files go. */
  readonly folder: string
}

export async function runSuite({ suite, url, revision, folder }: SuiteRun): Promise<readonly Check[]> {
  const program = join(place(suite), 'dist', 'index.js')
  const options = ['--url', url, '--requirements', revision, '--timeout', scenarioMs, '--output-dir', folder]
  // No environment: a proxy or a Node option of whoever runs this has no part in it.
  const child = spawn(process.execPath, [program, 'server', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {},
    timeout: limitMs,
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  // 1 is also what it ends with where a scored check failed, which the files tell in full.
  if (code !== 0 && code !== 1)
    throw new Error(
      `the suite ended with ${code ?? 'a signal'}\n${lastLines(Buffer.concat(chunks).toString())}`,
    )
  return readResults(folder, await requirements(suite, revision))
}

/** Each scenario has a folder of its name and the time; one that broke leaves it empty. */
async function readResults(folder: string, { server, not_scored }: Requirements): Promise<Check[]> {
  const unscored = not_scored.filter(({ leg }) => leg === 'server').map(({ scenario }) => scenario)
  const folders = await readdir(folder)
  const checks = [...server, ...unscored].map(async (scenario): Promise<Check[]> => {
    const start = `server-${scenario}-`
    const own = folders.find((name) => name.startsWith(start) && time.test(name.slice(start.length)))
    const text = await readFile(join(folder, own ?? 'missing', 'checks.json'), 'utf8').catch(() => undefined)
    if (text === undefined) return [{ scenario, id: 'result', name: 'has a result', status: 'FAILURE' }]
    return (JSON.parse(text) as Omit<Check, 'scenario'>[]).map((check) => ({ ...check, scenario }))
  })
  return (await Promise.all(checks)).flat()
}
