/** The suite against the everything-server, directly and through the gateway, and what is not the same. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startDaemon, untilReady } from '../kit/parts/process.ts'
import { type Difference, differences, failedOf, passed } from './compare.ts'
import { startGateway } from './gateway.ts'
import { type Check, type Revision, runSuite, scoredScenarios } from './suite.ts'

/** Where the suite is pointed: past everything, at what is to be compared with that, and at that with a token. */
export interface Endpoints {
  readonly direct: string
  readonly through: string
  readonly bearer?: string
}

export interface Comparison {
  readonly passed: number
  readonly differences: readonly Difference[]
}

export interface Report {
  readonly revision: Revision
  readonly direct: {
    readonly passed: number
    readonly failed: number
    /** What the everything-server itself does wrong: there has to be nothing. */
    readonly failedScored: readonly Pick<Check, 'scenario' | 'id' | 'name' | 'errorMessage'>[]
  }
  readonly through: Comparison
  readonly bearer?: Comparison
}

export const holds = ({ direct, through, bearer }: Report): boolean =>
  direct.failedScored.length + through.differences.length + (bearer?.differences.length ?? 0) === 0

export interface Surroundings {
  /** The folder with the installed suite. */
  readonly suite: string
  /** Where the result files go. */
  readonly folder: string
  tell(line: string): void
}

/** One revision, one URL after the other: at the same time they would only wait for each other's processor. */
export async function compare(
  endpoints: Endpoints,
  revision: Revision,
  around: Surroundings,
): Promise<Report> {
  const scored = await scoredScenarios(around.suite, revision)
  const direct = await leg('direct', endpoints.direct)
  const against = async (name: string, url: string): Promise<Comparison> => {
    const checks = await leg(name, url)
    return { passed: passed(checks), differences: differences(direct, checks) }
  }
  const through = await against('through', endpoints.through)
  const bearer = endpoints.bearer === undefined ? undefined : await against('bearer', endpoints.bearer)
  const failedScored = failedOf(direct, scored).map(({ status: _, ...check }) => check)
  const failed = direct.filter(({ status }) => status === 'FAILURE').length
  const report = { revision, direct: { passed: passed(direct), failed, failedScored }, through }
  return bearer === undefined ? report : { ...report, bearer }

  async function leg(name: string, url: string): Promise<readonly Check[]> {
    const started = performance.now()
    const folder = join(around.folder, `${revision}-${name}`)
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    around.tell(`${revision} ${name}: ${url} …`)
    const checks = await runSuite({ suite: around.suite, url, revision, folder })
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    around.tell(`${revision} ${name}: ${passed(checks)} checks passed in ${seconds} s`)
    return checks
  }
}

const program = fileURLToPath(new URL('everything-server.ts', import.meta.url))

/** The everything-server with the gateway before it, both gone when `use` is done. */
export async function withGateway<T>(use: (endpoints: Endpoints) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-everything-'))
  const daemon = await startDaemon({
    program: process.execPath,
    args: [program],
    logFile: join(folder, 'log'),
  })
  const address = () => /^http:\S+$/m.exec(daemon.log())?.[0]
  try {
    await untilReady('the everything-server', daemon, async () => address() !== undefined, 60)
    const direct = address()!
    const gateway = await startGateway(direct)
    try {
      return await use({ direct, through: gateway.url, bearer: gateway.bearerUrl })
    } finally {
      await gateway.stop()
    }
  } finally {
    await daemon.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
