/**
 * sallyport complete beside nginx, HAProxy, Envoy and OpenBao Proxy, in one run, on one upstream. `npm run bench`;
 * the method is in docs/performance.md. Tables go to standard output, progress to standard error.
 */
import { writeFileSync } from 'node:fs'
import { startIdp } from '../test/kit/idp.ts'
import type { Bench, Row, Sample, Target } from './bench.ts'
import { build, knowsGuard } from './build.ts'
import { randomOf, reaches, shuffled } from './figures.ts'
import { install } from './install.ts'
import { endGenerators } from './load/generate.ts'
import { machine } from './machine.ts'
import { type CommandLine, readOptions, usage } from './options.ts'
import { atEnd, endAll, othersShare, pinSelf, removeFolders, temporaryFolder } from './processes.ts'
import { jsonOf, heading, plain, rowTable, targetTable } from './report.ts'
import { type Results, writeDocument } from './results.ts'
import { rows } from './rows/index.ts'
import { createPeerTokens } from './tokens.ts'
import { startUpstreams } from './upstream.ts'
import { startVault, type Vault } from './vault.ts'

/** What a gated figure may be worse than its floor: shared machines are noisy. */
const slack = 0.2
/** The share of a core that the host may give to others before a run is repeated, and how often. */
const maxSteal = 0.02
const maxRepeats = 3

const tell = (line: string) => void process.stderr.write(`bench  ${line}\n`)
const interruption = new AbortController()

async function open(options: CommandLine): Promise<Bench> {
  pinSelf()
  const folder = temporaryFolder('build')
  const tools = await install(folder)
  const { cli, flags } = await build(folder)
  const guardable = knowsGuard()
  if (!guardable) tell('this build has no leak guard to turn on: guarded rows are left out')
  const upstreams = await startUpstreams(tools, options.sizes)
  const clock = { now: () => Date.now() / 1000, monotonic: () => performance.now() }
  const idp = await startIdp({ clock: clock as never })
  atEnd(idp.close)
  let vault: Promise<Vault> | undefined
  return {
    options,
    tools,
    upstreams,
    tokens: createPeerTokens(),
    sallyport: { cli, idp, guardable, nodeArgs: [...flags, ...profiling(options)] },
    vault: () => (vault ??= startVault(tools.bao)),
  }
}

const profiling = ({ profile }: CommandLine): string[] =>
  profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]

function orderOf<T extends { readonly name: string }>(
  contenders: readonly T[],
  options: CommandLine,
  random: () => number,
): T[] {
  if (options.order.length === 0) return shuffled(contenders, random)
  const place = ({ name }: T) =>
    options.order.includes(name) ? options.order.indexOf(name) : options.order.length
  return contenders.toSorted((a, b) => place(a) - place(b))
}

/** `fetch` tells what went wrong in the cause only. */
const whyOf = (error: unknown): string =>
  [error, (error as Error).cause].flatMap((each) => (each instanceof Error ? [each.message] : [])).join(': ')

/** A run, and again where the host took the core away meanwhile; of those the one that it took least from. */
async function sampled(row: Row, contender: Row['contenders'][number], bench: Bench): Promise<Sample> {
  const stolen = (sample: Sample) => sample['steal'] ?? 0
  const repeats = bench.options.quick ? 1 : maxRepeats
  let best = await row.sample(contender, bench)
  for (let again = 0; again < repeats && stolen(best) > maxSteal; again += 1) {
    tell(`${row.name} ${contender.name}: ${Math.round(stolen(best) * 100)} % was stolen, once more`)
    const next = await row.sample(contender, bench)
    if (stolen(next) < stolen(best)) best = next
  }
  return best
}

async function play(row: Row, bench: Bench, random: () => number): Promise<Map<string, Sample[]>> {
  const options = bench.options as CommandLine
  const contenders = row.contenders
    .filter(({ name }) => bench.sallyport.guardable || !name.endsWith('guarded'))
    .filter(({ name }) => !options.quick || row.beyondQuick?.includes(name) !== true)
    .filter(({ name }) => options.contenders.length === 0 || options.contenders.includes(name))
  const samples = new Map(contenders.map(({ name }) => [name, [] as Sample[]]))
  const rounds = Math.min(options.rounds, row.rounds ?? options.rounds)
  for (let round = 1; round <= rounds; round += 1) {
    for (const contender of orderOf(contenders, options, random)) {
      if (interruption.signal.aborted) throw new Error('interrupted')
      const sample = await sampled(row, contender, bench).catch((cause: unknown) => {
        throw new Error(`${row.name}, ${contender.name}: ${whyOf(cause)}`, { cause })
      })
      samples.get(contender.name)?.push(sample)
      const short = Object.entries(sample)
        .slice(0, 2)
        .map(([name, value]) => `${name} ${value.toFixed(1)}`)
      tell(`${row.name} ${round}/${rounds} ${contender.name.padEnd(18)} ${short.join(', ')}`)
    }
  }
  return samples
}

async function main(options: CommandLine): Promise<number> {
  const started = performance.now()
  const wanted = rows.filter((row) =>
    options.only.length > 0 ? options.only.includes(row.name) : row.quick || !options.quick,
  )
  if (wanted.length === 0) throw new Error(`--only: the rows are ${rows.map(({ name }) => name).join(', ')}`)
  const bench = await open(options)
  const random = randomOf(options.seed)
  tell(`seed ${options.seed}; ${wanted.map(({ name }) => name).join(', ')}`)
  const others = await othersShare()
  if (others > 0.05)
    tell(`others use ${Math.round(others * 100)} % of this machine: the figures will be noise`)
  const results: Results = { machine: { ...machine(bench.tools), others }, options, rows: [], targets: [] }
  for (const row of wanted) {
    const samples = await play(row, bench, random)
    const targets = row
      .targets(samples)
      .filter((target) => isMeant(target, options) && !Number.isNaN(target.value))
    results.rows.push({ name: row.name, about: row.about, samples: Object.fromEntries(samples) })
    results.targets.push(...targets)
    process.stdout.write(`\n${heading(row)}\n${plain(rowTable(samples))}`)
    if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(results, null, 1)}\n`)
  }
  process.stdout.write(`\n${plain(targetTable(results.targets))}`)
  tell(`done in ${((performance.now() - started) / 60_000).toFixed(1)} minutes`)
  if (options.json) process.stdout.write(`${jsonOf(results.targets, options.quick ? slack : 0)}\n`)
  const failed = options.quick ? results.targets.filter((target) => !reaches(target, slack)) : []
  for (const { name } of failed) tell(`a fifth or more worse than its floor: ${name}`)
  return failed.length === 0 ? 0 : 1
}

const isMeant = ({ cpu }: Target, { quick }: CommandLine): boolean => cpu || !quick

/** Whatever happens, nothing that was started outlives the bench, and no folder stays. */
async function clean(): Promise<void> {
  endGenerators()
  await endAll()
  removeFolders()
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    interruption.abort()
    endGenerators()
  })
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options.help) process.stdout.write(usage)
  else if (options.markdown !== undefined) writeDocument(options.markdown)
  else process.exitCode = await main(options)
} catch (error) {
  tell(interruption.signal.aborted ? 'interrupted' : (error as Error).message)
  process.exitCode = 1
} finally {
  await clean()
}
process.exit()
