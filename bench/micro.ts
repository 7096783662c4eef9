/**
 * The hot functions one by one, each against a calibration loop in the same process, so that the ratio carries over to
 * other machines. `npm run bench:micro` compares with budget.json and fails where a budget is exceeded;
 * `-- --write` makes what was measured, and a quarter more, the budget.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { removeFolder, temporaryFolder } from './processes.ts'
import { plain } from './report.ts'
import { type Case, calibration, casesOf } from './micro/cases.ts'
import { openWorld } from './micro/world.ts'

const allowance = 1.25
const spanMs = 600
const batchMs = 4

/** The fastest batch: others on the machine only ever make it slower. Nanoseconds per call. */
async function fastest(it: Case): Promise<number> {
  let times = 1
  let best = Number.POSITIVE_INFINITY
  for (const end = performance.now() + spanMs; performance.now() < end; ) {
    const start = performance.now()
    await it.run(times)
    const took = performance.now() - start
    if (took < batchMs) times *= 2
    else best = Math.min(best, (took * 1e6) / times)
  }
  return best
}

interface Measured {
  readonly name: string
  readonly nanoseconds: number
  readonly ratio: number
}

async function measured(): Promise<Measured[]> {
  const folder = temporaryFolder('micro')
  try {
    const world = await openWorld(folder)
    const reference = calibration()
    const results: Measured[] = []
    await fastest(reference)
    for (const it of casesOf(world)) {
      const unit = await fastest(reference)
      const nanoseconds = await fastest(it)
      results.push({
        name: it.name,
        nanoseconds,
        ratio: nanoseconds / Math.min(unit, await fastest(reference)),
      })
    }
    await world.close()
    return results
  } finally {
    removeFolder(folder)
  }
}

const budgetFile = fileURLToPath(new URL('budget.json', import.meta.url))
const { values: flags } = parseArgs({ options: { write: { type: 'boolean' }, json: { type: 'boolean' } } })
const results = await measured()
if (flags.write === true) {
  const budget = Object.fromEntries(
    results.map(({ name, ratio }) => [name, Number((ratio * allowance).toPrecision(3))]),
  )
  writeFileSync(budgetFile, `${JSON.stringify(budget, null, 2)}\n`)
}
const budget = JSON.parse(readFileSync(budgetFile, 'utf8')) as Record<string, number>
const judged = results.map((it) => ({
  ...it,
  budget: budget[it.name],
  ok: it.ratio <= (budget[it.name] ?? 0),
}))
process.stdout.write(
  plain({
    head: ['function', 'ns', 'of calibration', 'budget', ''],
    rows: judged.map((it) => [
      it.name,
      it.nanoseconds.toFixed(0),
      it.ratio.toFixed(3),
      it.budget?.toFixed(3) ?? 'none',
      it.ok ? 'ok' : 'over',
    ]),
  }),
)
if (flags.json === true) process.stdout.write(`${JSON.stringify({ functions: judged })}\n`)
process.exit(judged.every(({ ok }) => ok) ? 0 : 1)
