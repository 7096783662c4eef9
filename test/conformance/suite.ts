/** One run of the official suite against one URL, and what its result files say. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
  readonly description?: string
  readonly errorMessage?: string
}

interface Requirements {
  readonly server: readonly string[]
  readonly client: readonly string[]
  readonly not_scored: readonly { readonly scenario: string; readonly leg: string }[]
}

const limitMs = 5 * 60_000
/** For one scenario. The longest that goes well takes five seconds. */
const scenarioMs = '15000'
/** For somebody to sign in. */
const signInMs = 60_000
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
  const options = ['--url', url, '--requirements', revision, '--timeout', scenarioMs, '--output-dir', folder]
  await runProgram(suite, ['server', ...options], { limit: limitMs })
  return readResults(folder, await requirements(suite, revision))
}

export interface AuthorizationRun extends Omit<SuiteRun, 'revision'> {
  /** A client with `http://127.0.0.1:PORT/callback` among its redirect URIs. */
  readonly client: { readonly id: string; readonly secret?: string; readonly port: number }
  /** RFC 8707. */
  readonly resource?: string
  /** Takes the address of the authorization request to the redirect URI, and there. */
  visit(url: URL): Promise<unknown>
}

/** The scenarios for authorization servers: the metadata, and a code that somebody signed in for. */
export async function runAuthorizationSuite(run: AuthorizationRun): Promise<readonly Check[]> {
  const { suite, url, folder, client, resource, visit } = run
  const { id, secret, port } = client
  const options = ['--url', url, '--output-dir', folder, '--client-id', id, '--port', String(port)]
  if (secret !== undefined) options.push('--client-secret', secret)
  if (resource !== undefined) options.push('--resource', resource)
  let visiting: Promise<unknown> | undefined
  const told = (output: string) => {
    const address = /^(http\S+response_type=code\S*)\n/m.exec(output)?.[1]
    if (address !== undefined) visiting ??= visit(new URL(address))
  }
  await runProgram(suite, ['authorization', ...options], { limit: signInMs, told })
  await visiting
  return (await Promise.all((await readdir(folder)).map((name) => checksIn(folder, name)))).flat()
}

/** The scenarios of authorization that a client has to pass, and those of extensions. */
export async function clientScenarios(suite: string, revision: Revision) {
  const { client, not_scored } = await requirements(suite, revision)
  const extensions = not_scored.filter(({ leg }) => leg === 'client').map(({ scenario }) => scenario)
  const isOurs = (name: string) => name.startsWith('auth/')
  return { scored: client.filter(isOurs), extensions: extensions.filter(isOurs) }
}

export interface ClientRun extends Omit<SuiteRun, 'url'> {
  /** The URL that each scenario is handed to (`as-client/driver.ts`). */
  readonly driver: string
}

const relay = fileURLToPath(new URL('as-client/relay.mjs', import.meta.url))

/** Runs the scenarios for clients, all at once. What they found is in the folder then. */
export async function runClientSuite(run: ClientRun): Promise<void> {
  const { suite, revision, folder, driver } = run
  // It splits the command at each blank, and gives it to a shell.
  const command = ['--command', '"$NODE" "$RELAY"']
  const options = ['--requirements', revision, '--timeout', String(limitMs), '--output-dir', folder]
  const env = { NODE: process.execPath, RELAY: relay, SALLYPORT_DRIVER: driver }
  await runProgram(suite, ['client', ...command, ...options], { limit: limitMs, env })
}

/** What a scenario for clients found; its folder has its whole name. */
export async function clientChecks(folder: string, scenario: string): Promise<Check[]> {
  const [parent, start] = [join(folder, dirname(scenario)), `${basename(scenario)}-`]
  const folders = await readdir(parent).catch(() => [])
  const own = folders.find((name) => name.startsWith(start) && time.test(name.slice(start.length)))
  return checksIn(parent, own, scenario)
}

interface Running {
  readonly limit: number
  readonly told?: (output: string) => void
  readonly env?: Readonly<Record<string, string>>
}

async function runProgram(
  suite: string,
  args: readonly string[],
  { limit, told, env = {} }: Running,
): Promise<void> {
  const program = join(place(suite), 'dist', 'index.js')
  // Nothing else of the environment: a proxy or a Node option of whoever runs this has no part in it.
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    timeout: limit,
  })
  let output = ''
  const hear = (chunk: string) => {
    output += chunk
    told?.(output)
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  const [code] = (await once(child, 'close')) as [number | null]
  // 1 is also what it ends with where a scored check failed, which the files tell in full.
  if (code !== 0 && code !== 1)
    throw new Error(`the suite ended with ${code ?? 'a signal'}\n${lastLines(output)}`)
}

/** The checks of a scenario in the folder of its name and the time; it is empty where the scenario broke. */
async function checksIn(folder: string, name: string | undefined, scenario?: string): Promise<Check[]> {
  const of = scenario ?? String(name).replace(/-\d{4}-\d\d-\d\dT.*$/, '')
  const text = await readFile(join(folder, name ?? 'missing', 'checks.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return [{ scenario: of, id: 'result', name: 'has a result', status: 'FAILURE' }]
  return (JSON.parse(text) as Omit<Check, 'scenario'>[]).map((check) => ({ ...check, scenario: of }))
}

/** Scenarios that left no folder count as failed. */
async function readResults(folder: string, { server, not_scored }: Requirements): Promise<Check[]> {
  const unscored = not_scored.filter(({ leg }) => leg === 'server').map(({ scenario }) => scenario)
  const folders = await readdir(folder)
  const checks = [...server, ...unscored].map((scenario) => {
    const start = `server-${scenario}-`
    const own = folders.find((name) => name.startsWith(start) && time.test(name.slice(start.length)))
    return checksIn(folder, own, scenario)
  })
  return (await Promise.all(checks)).flat()
}
