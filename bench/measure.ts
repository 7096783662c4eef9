/** One run: a fresh process of one contender, checked, warmed up, measured under one load, checked again, ended. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Sample } from './bench.ts'
import { checkBefore, checkDenied, checkRecord, type Recorded, recordedRefusals } from './check.ts'
import { type Aim, wrk, type WrkOptions, type WrkResult } from './load/generate.ts'
import type { Contender, Peer } from './peers/peer.ts'
import type { SallyportContender } from './peers/sallyport.ts'
import { withJunkSignature } from './tokens.ts'
import { coreTimes, cpuOf, memoryOf, removeFolder, temporaryFolder } from './processes.ts'

const warmRequests = 30_000

/** What is sent, at which upstream. */
export interface Load {
  readonly path: string
  readonly upstream: 'plain' | 'bodies'
  readonly connections: number
  readonly method?: string
  readonly bodyBytes?: number
  /** `fresh`: each request has a good token of its own. `junk`: each has one with a signature that nobody made. */
  readonly tokens?: 'fresh' | 'junk'
}

/** A started contender of which `finish` says whether the record holds. */
export interface Under {
  readonly contender: Contender
  readonly folder: string
  /** Ends it; for sallyport, with the checks of its record. `abandoned`: requests that generators may have left. */
  finish(abandoned: number): Promise<Recorded | undefined>
  /** Ends it without a look, where the run has failed. */
  abort(): Promise<void>
}

/** Starts a fresh process and checks that it does what it is measured for. */
export async function startChecked(peer: Peer, upstream: 'plain' | 'bodies', bench: Bench): Promise<Under> {
  const { tools, tokens, sallyport } = bench
  const folder = temporaryFolder(peer.name)
  const origin = bench.upstreams[upstream]
  const before = await bench.upstreams.served(origin)
  const contender = await peer.start({ tools, tokens, sallyport, folder, upstream: origin })
  const abort = async () => {
    process.stderr.write(`${contender.log()}\n`)
    await contender.stop()
    removeFolder(folder)
  }
  const finish = async (abandoned: number) => {
    const own = isSallyport(contender)
    if (own) await checkDenied(contender)
    await contender.stop()
    let recorded: Recorded | undefined
    if (own) {
      const served = (await bench.upstreams.served(origin)) - before
      recorded = await checkRecord(sallyport.cli, contender, {
        served,
        denials: 2 * recordedRefusals,
        abandoned,
      })
    }
    removeFolder(folder)
    return recorded
  }
  try {
    await checkBefore(peer, contender)
    if (isSallyport(contender)) await checkDenied(contender)
    return { contender, folder, finish, abort }
  } catch (error) {
    await abort()
    throw error
  }
}

export const isSallyport = (contender: Contender): contender is SallyportContender =>
  'capability' in contender

/** One closed-loop run. CPU time is the contender's own, from the kernel, divided by the requests that were answered. */
export async function measure(peer: Peer, load: Load, bench: Bench): Promise<Sample> {
  const under = await startChecked(peer, load.upstream, bench)
  try {
    const { contender } = under
    const { seconds } = bench.options
    const { rate, runs } = await warmUp(under, load, bench)
    const measured = await prepare(under, load, { bench, seconds, rate })
    const { sample } = await sampleOf(contender.pid, () => attack(under, load, measured))
    await under.finish((runs + 1) * load.connections)
    return sample
  } catch (error) {
    await under.abort()
    throw error
  }
}

/** What a run of the generator was answered, and what the contender used of the machine meanwhile. */
export async function sampleOf(
  pid: number | undefined,
  run: () => Promise<WrkResult>,
): Promise<{ readonly sample: Sample; readonly result: WrkResult }> {
  const [cpuBefore, before] = [cpuOf(pid), coreTimes()]
  const result = await run()
  const [cpu, core] = [cpuOf(pid) - cpuBefore, coreTimes()]
  const total = core.total - before.total
  const sample = {
    requestsPerSecond: result.requests / result.seconds,
    cpuMicroseconds: cpu / result.requests,
    p50: result.p50,
    p99: result.p99,
    generatorCore: (core.busy - before.busy) / total,
    steal: Math.max(...core.stolen.map((ticks, index) => ticks - (before.stolen[index] ?? 0))) / total,
    rss: memoryOf(pid).rss,
  }
  return { sample, result }
}

/** Returns requests per second, and in how many runs. On a slow machine a compiler has seen as many requests only after a longer time. */
async function warmUp(
  under: Under,
  load: Load,
  bench: Bench,
): Promise<{ readonly rate: number; readonly runs: number }> {
  const { warmSeconds } = bench.options
  let rate = 0
  let runs = 0
  for (
    let spent = 0, requests = 0;
    spent < 4 * warmSeconds && requests < warmRequests;
    spent += warmSeconds
  ) {
    const warm = await attack(under, load, await prepare(under, load, { bench, seconds: warmSeconds }))
    requests += warm.requests
    runs += 1
    rate = warm.requests / warm.seconds
  }
  return { rate, runs }
}

/** wrk's options; where each request needs a token of its own, with as many as the time can use up. */
async function prepare(
  { contender, folder }: Under,
  load: Load,
  run: { readonly bench: Bench; readonly seconds: number; readonly rate?: number },
): Promise<WrkOptions> {
  const { connections, method, bodyBytes } = load
  const options = {
    wrk: run.bench.tools.wrk,
    connections,
    seconds: run.seconds,
    ...(method === undefined ? {} : { method }),
    ...(bodyBytes === undefined ? {} : { bodyBytes }),
  }
  if (load.tokens === undefined) return options
  const count = Math.ceil((run.rate ?? 4000) * run.seconds * 1.2)
  const fresh = isSallyport(contender) ? contender.mint : run.bench.tokens.many
  const lines =
    load.tokens === 'fresh'
      ? await fresh(count)
      : junk(isSallyport(contender) ? contender.session : run.bench.tokens.good, count)
  const tokens = join(folder, 'tokens')
  writeFileSync(tokens, lines.join('\n'), { mode: 0o600 })
  return { ...options, tokens }
}

const junk = (token: string, count: number): string[] =>
  Array.from({ length: count }, () => withJunkSignature(token))

async function attack({ contender }: Under, load: Load, options: WrkOptions): Promise<WrkResult> {
  const aim = contender.aim(load.path)
  const result = await wrk(options.tokens === undefined ? aim : withoutToken(aim), options)
  const wrong = load.tokens === 'junk' ? result.requests - result.status : result.status
  // wrk sends a few more while it stops for want of tokens.
  const tolerated = load.tokens === undefined ? 0 : load.connections
  if (wrong > tolerated || result.socket > 0)
    throw new Error(`${wrong} wrong answers, ${result.socket} broken connections of ${result.requests}`)
  if (result.requests === 0) throw new Error('nothing was answered')
  return result
}

const withoutToken = ({ origin, path, headers: { Authorization: _, ...headers } }: Aim): Aim => ({
  origin,
  path,
  headers,
})
