/**
 * Shows that each attack of test/attack is noticed by its test: takes away one defence at a time in a copy of the tree
 * and demands that a test of that attack fails by what it asserts.
 *
 *   npm run test:defences -- [part of a name …] [--jobs 1|2] [--limit seconds] [--json] [--keep] [--dry]
 *
 * test/attack/defences/<attack>.json lists the defences of test/attack/<attack>.test.ts:
 * `[{ "defence": "what is taken away", "file": "src/…", "find": "text that stands exactly once", "replace": "…" }]`.
 * `--dry` only looks whether each can still be taken away. Last line: `defences: N taken away, N noticed`. With `--json` stdout is one document and the rest goes to stderr.
 */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { namesItLost } from './defences/names.mjs'

const root = dirname(import.meta.dirname)
const attacks = 'test/attack'
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: '2' },
    limit: { type: 'string', default: '180' },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    dry: { type: 'boolean', default: false },
  },
})
const limit = Number(options.limit)
const jobs = Math.min(2, Math.max(1, Math.trunc(Number(options.jobs)) || 1))

const say = (line) => (options.json ? process.stderr : process.stdout).write(`${line}\n`)
const list = (folder, ending) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder)).flatMap((name) =>
        name.endsWith(ending) ? name.slice(0, -ending.length) : [],
      )
    : []

/** One attack: its defences, or what is wrong with the file that should list them. */
function readAttack(name) {
  const path = `${attacks}/defences/${name}.json`
  try {
    const defences = JSON.parse(readFileSync(join(root, path), 'utf8'))
    const keys = ['defence', 'file', 'find', 'replace']
    const fits = (it) => keys.every((key) => typeof it?.[key] === 'string') && it.find !== ''
    if (!Array.isArray(defences) || defences.length === 0 || !defences.every(fits))
      throw new Error(`not a list of { ${keys.join(', ')} }`)
    return { name, defences }
  } catch (error) {
    return { name, defences: [], problem: `${path}: ${error.message}` }
  }
}

/** The files of the working tree that git knows or would add, with node_modules beside them. */
function copyTree(into) {
  const git = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const files = execFileSync('git', git, { cwd: root, encoding: 'utf8' }).split('\0')
  for (const file of files) {
    if (file === '' || !existsSync(join(root, file))) continue
    mkdirSync(join(into, dirname(file)), { recursive: true })
    cpSync(join(root, file), join(into, file), { verbatimSymlinks: true })
  }
  symlinkSync(join(root, 'node_modules'), join(into, 'node_modules'))
}

/** Ends what the run started as well: tests of faults leave children behind when they are cut short. */
function endGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {} // gone already
}

const running = new Set()

/** The tests of one file. `first` ends the run with the first that fails. */
function runTests(tree, name, first = false) {
  const report = join(tree, 'defences-report.json')
  rmSync(report, { force: true })
  // Long enough that only what really hangs runs out of it.
  const args = ['run', '--project', 'unit', '--testTimeout=15000', `${attacks}/${name}.test.ts`]
  if (first) args.push('--bail=1')
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, ...args, '--reporter=json', `--outputFile=${report}`], {
    cwd: tree,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  running.add(child)
  const complaints = []
  child.stderr.on('data', (chunk) => complaints.push(chunk))
  return new Promise((resolve) => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      endGroup(child)
    }, limit * 1000)
    child.on('close', () => {
      clearTimeout(timer)
      running.delete(child)
      endGroup(child)
      if (late) return resolve({ problem: `no result within ${limit} s` })
      if (!existsSync(report)) return resolve({ problem: Buffer.concat(complaints).toString().trim() })
      resolve(readReport(JSON.parse(readFileSync(report, 'utf8'))))
    })
  })
}

/** What a test says when it fails by what it asserts; a TypeError of a broken build is not among them. */
const judged =
  /^(AssertionError|\w*TimeoutError|Error: Matcher did not succeed in time|Error: Property (failed|interrupted)|Error: Snapshot)/

function readReport({ testResults }) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  if (tests.length === 0) return { problem: `no test was collected: ${testResults[0]?.message ?? ''}`.trim() }
  const failed = tests.filter(({ status }) => status === 'failed')
  const by = failed.filter(({ failureMessages }) => failureMessages.some((message) => judged.test(message)))
  const first = failed[0]?.failureMessages[0]?.split('\n')[0]
  return { failed: failed.map(({ fullName }) => fullName), by: by.map(({ fullName }) => fullName), first }
}

/** The text of the file without the defence, or why it cannot be taken away. */
function withoutDefence(text, { file, find, replace }) {
  const times = text.split(find).length - 1
  if (times !== 1) return { problem: `moved: ${JSON.stringify(find)} stands ${times} times in ${file}` }
  const changed = text.replace(find, () => replace)
  if (changed === text) return { problem: 'the replacement is the same text' }
  const lost = file.endsWith('.ts') ? namesItLost(text, changed) : []
  return lost.length > 0 ? { problem: `does not compile without ${lost.join(', ')}` } : { changed }
}

async function takeAway(tree, name, entry) {
  const path = join(tree, entry.file)
  if (!existsSync(path)) return { problem: `moved: there is no ${entry.file}` }
  const text = readFileSync(path, 'utf8')
  const { changed, problem } = withoutDefence(text, entry)
  if (problem !== undefined) return { problem }
  writeFileSync(path, changed)
  try {
    // One failure is enough; only where it is of the wrong kind are the other tests looked at.
    const quick = await runTests(tree, name, true)
    const { problem, failed, by, first } =
      quick.problem === undefined && quick.failed.length > 0 && quick.by.length === 0
        ? await runTests(tree, name)
        : quick
    if (problem !== undefined) return { problem }
    if (failed.length === 0) return { problem: 'every test still passes' }
    if (by.length === 0) return { problem: `failed, but by no assertion: ${first}` }
    return { by: by[0] }
  } finally {
    writeFileSync(path, text)
  }
}

const results = []

function note(name, defence, { problem, by }, started) {
  const seconds = Number(((performance.now() - started) / 1000).toFixed(1))
  results.push({ attack: name, defence, noticed: problem === undefined, problem, by, seconds })
  const outcome = problem === undefined ? `noticed by “${by}”` : `NOT NOTICED: ${problem}`
  say(`${problem === undefined ? 'ok  ' : 'FAIL'}  ${name}: ${defence} – ${outcome} (${seconds} s)`)
}

let looked = 0

function look({ name, defences }) {
  for (const entry of defences) {
    looked += 1
    const path = join(root, entry.file)
    const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
    const { problem } = withoutDefence(text, entry)
    if (problem !== undefined) faults.push(`${name}: ${entry.defence} – ${problem}`)
  }
}

/** First with every defence in place: a test that fails anyway shows nothing. */
async function work(tree, { name, defences }) {
  const started = performance.now()
  const { problem, failed = [], first } = await runTests(tree, name)
  if (problem !== undefined || failed.length > 0) {
    const why = problem ?? `with every defence in place “${failed[0]}” fails: ${first}`
    for (const { defence } of defences) note(name, defence, { problem: why }, started)
    return
  }
  for (const entry of defences) {
    const begun = performance.now()
    note(name, entry.defence, await takeAway(tree, name, entry), begun)
  }
}

const names = [...new Set([...list(attacks, '.test.ts'), ...list(`${attacks}/defences`, '.json')])].sort()
const chosen = names.filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
const faults = chosen.length === 0 ? [`no attack is named ${wanted.join(' or ')}`] : []
const queue = []
for (const attack of chosen.map(readAttack)) {
  if (!existsSync(join(root, attacks, `${attack.name}.test.ts`)))
    faults.push(`${attacks}/defences/${attack.name}.json: there is no ${attacks}/${attack.name}.test.ts`)
  else if (attack.problem !== undefined) faults.push(attack.problem)
  else queue.push(attack)
}

if (options.dry) for (const attack of queue.splice(0)) look(attack)

const scratch = mkdtempSync(join(tmpdir(), 'sallyport-defences-'))
const tidy = () => {
  for (const child of running) endGroup(child)
  if (options.keep) say(`kept: ${scratch}`)
  else rmSync(scratch, { recursive: true, force: true })
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    tidy()
    process.exit(130)
  })
}

async function worker(tree) {
  for (let attack = queue.shift(); attack !== undefined; attack = queue.shift()) await work(tree, attack)
}

try {
  const trees = Array.from({ length: Math.min(jobs, queue.length) }, (_, index) => join(scratch, `${index}`))
  for (const tree of trees) copyTree(tree)
  await Promise.all(trees.map(worker))
} finally {
  tidy()
}
for (const fault of faults) say(`FAIL  ${fault}`)
const noticed = results.filter((result) => result.noticed).length
if (options.json) process.stdout.write(`${JSON.stringify({ results, faults })}\n`)
if (noticed < results.length || faults.length > 0) process.exitCode = 1
say(
  options.dry
    ? `defences: ${looked} looked at, ${faults.length} faults`
    : `defences: ${results.length} taken away, ${noticed} noticed`,
)
