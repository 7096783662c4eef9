/** `npm run test:conformance`: what it compares and what it leaves out is in docs/conformance.md. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { obtainConformanceSuite } from '../kit/parts/conformance.ts'
import { actAsClient, type ClientReport } from './as-client/as-client.ts'
import { compare, type Comparison, type Endpoints, holds, type Report, withGateway } from './conformance.ts'
import { type Revision, revisions } from './suite.ts'

const usage = `Runs the official MCP conformance suite against a server directly and through the gateway, and compares; then
with sallyport as the OAuth client of the suite's own servers.

  npm run test:conformance -- [options]

  --revision <date>   only this revision: ${revisions.join(' or ')}
  --json              one JSON document on standard output instead of lines
  --results <folder>  keep the result files of the suite there
  --as-client         only the second of the two
  --direct <url>      compare what is already running, together with
  --through <url>       the same server through something
  --bearer <url>        and through it with a bearer token, if there is that
  --help

Ends with one line for each revision: conformance <revision>: direct D, through T, differences 0
where D and T count the checks that passed. Fails on any difference, where the server itself fails a scenario that the
revision requires, and where sallyport as a client fails one that is not listed as failing, or passes one that is.
`

const tell = (line: string) => void process.stderr.write(`conformance  ${line}\n`)
const print = (line: string) => void process.stdout.write(`${line}\n`)

function options() {
  const { values } = parseArgs({
    options: {
      revision: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      results: { type: 'string' },
      'as-client': { type: 'boolean', default: false },
      direct: { type: 'string' },
      through: { type: 'string' },
      bearer: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const { direct, through, bearer, revision: wanted = revisions } = values
  const unknown = wanted.find((each) => !revisions.includes(each as Revision))
  if (unknown !== undefined) throw new Error(`--revision ${unknown}: there is ${revisions.join(' and ')}`)
  if ((direct === undefined) !== (through === undefined) || (bearer !== undefined && direct === undefined))
    throw new Error('--direct and --through belong together, and --bearer to them')
  const given: Endpoints | undefined =
    direct === undefined || through === undefined
      ? undefined
      : { direct, through, ...(bearer === undefined ? {} : { bearer }) }
  return { ...values, given, wanted: wanted as readonly Revision[] }
}

interface Found {
  readonly revisions: readonly Report[]
  readonly asClient: readonly ClientReport[]
}

async function reports({ results, given, wanted, ...more }: ReturnType<typeof options>): Promise<Found> {
  const suite = await obtainConformanceSuite()
  if (suite === undefined) throw new Error('the suite is not in the cache, and SALLYPORT_TEST_OFFLINE=1')
  const folder = results === undefined ? await mkdtemp(join(tmpdir(), 'conformance-')) : resolve(results)
  const around = { suite, folder, tell }
  const all = async (endpoints: Endpoints) => {
    const found: Report[] = []
    for (const revision of wanted) found.push(await compare(endpoints, revision, around))
    return found
  }
  try {
    const asClient: ClientReport[] = []
    if (given !== undefined) return { revisions: await all(given), asClient }
    const revisions = more['as-client'] ? [] : await withGateway(all)
    for (const revision of wanted) asClient.push(await actAsClient(revision, around))
    return { revisions, asClient }
  } finally {
    if (results === undefined) await rm(folder, { recursive: true, force: true })
  }
}

function printClientLines({ revision, scenarios, expected, unexpected }: ClientReport): void {
  for (const { scenario, wrong } of scenarios.filter((it) => unexpected.includes(it.scenario)))
    print(`${revision} as client: ${scenario}: ${wrong.join('; ') || 'passes, and is listed as failing'}`)
  const passing = scenarios.filter(({ wrong }) => wrong.length === 0)
  const checks = passing.reduce((sum, it) => sum + it.passed, 0)
  print(
    `as client, ${revision}: scenarios ${scenarios.length}, passed ${passing.length} (checks ${checks}), ` +
      `listed as failing ${expected.length}, unexpected ${unexpected.length}`,
  )
}

function printLines(found: readonly Report[]): void {
  const sum = (direct: number, { passed, differences }: Comparison) =>
    `direct ${direct}, through ${passed}, differences ${differences.length}`
  for (const { revision, direct, through, bearer } of found) {
    for (const { scenario, id, name, errorMessage = '' } of direct.failedScored)
      print(`${revision} direct: ${scenario}: ${id} (${name}) failed: ${errorMessage}`)
    for (const [way, comparison] of Object.entries({ through, bearer }))
      for (const { scenario, check, direct: was, through: is, why } of comparison?.differences ?? [])
        print(
          `${revision} ${way}: ${scenario}: ${check}: ${is || 'not made'}, directly ${was || 'not made'}` +
            (why === undefined ? '' : `: ${why}`),
        )
    if (bearer !== undefined) print(`with a bearer, ${revision}: ${sum(direct.passed, bearer)}`)
  }
  for (const { revision, direct, through } of found)
    print(`conformance ${revision}: ${sum(direct.passed, through)}`)
}

try {
  const wanted = options()
  if (wanted.help) process.stdout.write(usage)
  else {
    const found = await reports(wanted)
    const fine = found.revisions.every(holds) && found.asClient.every((it) => it.unexpected.length === 0)
    if (wanted.json) print(JSON.stringify({ holds: fine, ...found }, null, 2))
    else {
      for (const report of found.asClient) printClientLines(report)
      printLines(found.revisions)
    }
    if (!fine) process.exitCode = 1
  }
} catch (error) {
  tell(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
