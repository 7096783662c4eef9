/**
 * The first step of `npm run demo`, `npm test`, `npm run check` and `npm run bench` on a machine that has only Node
 * and npm: installs what the lockfile names if it is not there, then runs the real script on the project's own Node. Runs on Node 20 and
 * imports nothing that has to be installed. Says what it does on stderr: stdout belongs to the script.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bin = join(root, 'node_modules', '.bin')
const oldest = [22, 19]

const targets = {
  check: ['scripts/check.mjs'],
  test: ['scripts/test.mjs'],
  demo: ['--conditions=sallyport-source', 'examples/demo/main.ts'],
  bench: ['bench/main.ts'],
  'bench-micro': ['bench/micro.ts'],
  defences: ['scripts/defences.mjs'],
  conformance: ['test/conformance/run.ts'],
  'sign-in': ['scripts/test-sign-in.mjs'],
}

const say = (line) => process.stderr.write(`${line}\n`)

function fail(line) {
  say(line)
  process.exit(1)
}

function readJson(...path) {
  try {
    return JSON.parse(readFileSync(join(root, ...path), 'utf8'))
  } catch {
    return undefined
  }
}

/** `os`, `cpu` of a lockfile entry: a name or a list, where `!name` excludes. */
function names(wanted, value) {
  if (wanted === undefined) return true
  const list = [wanted].flat()
  if (list.includes(`!${value}`)) return false
  return list.every((name) => name.startsWith('!')) || list.includes(value)
}

/** Whether npm installed exactly what the lockfile names. Optional packages may be missing: npm drops what does not fit. */
function isInstalled() {
  const wanted = readJson('package-lock.json')?.packages
  const present = readJson('node_modules', '.package-lock.json')?.packages
  if (wanted === undefined) fail('package-lock.json is missing or broken.')
  if (present === undefined) return false
  return Object.entries(wanted).every(([path, entry]) => {
    const fits = names(entry.os, process.platform) && names(entry.cpu, process.arch)
    if (path === '' || !fits) return true
    const found = present[path]
    if (found === undefined) return entry.optional === true || entry.peer === true
    return (
      found.version === entry.version && found.integrity === entry.integrity && existsSync(join(root, path))
    )
  })
}

/** `npm ci` with a sign of life every five seconds; npm itself is silent where stderr is no terminal. */
function install() {
  const started = performance.now()
  const seconds = () => ((performance.now() - started) / 1000).toFixed(0)
  say('Installing the packages of package-lock.json (npm ci --ignore-scripts) …')
  const beat = setInterval(() => say(`  still installing, ${seconds()} s`), 5000)
  return new Promise((resolve) => {
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 2, 2] })
    child.on('error', (error) => fail(`npm could not be run (${error.code}). Install npm and try again.`))
    child.on('close', (code) => {
      clearInterval(beat)
      if (code !== 0) fail(`npm ci failed with ${code}. See above; the registry must be reachable once.`)
      say(`Installed in ${seconds()} s.`)
      resolve()
    })
  })
}

function isNewEnough(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number)
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
}

/** The pinned Node of this platform, or the running one where there is none and it is new enough. */
function findNode() {
  const own = join(bin, 'node')
  const { status, stdout } = spawnSync(own, ['--version'], { encoding: 'utf8' })
  if (status === 0 && isNewEnough(stdout.trim())) return own
  if (isNewEnough(process.version)) return process.execPath
  return fail(
    `There is no packaged Node for ${process.platform}-${process.arch}, and this one is ${process.version}: install Node ${oldest.join('.')} or newer.`,
  )
}

const [name, ...args] = process.argv.slice(2)
if (!Object.hasOwn(targets, name ?? ''))
  fail(`usage: node scripts/launch.mjs ${Object.keys(targets).join('|')} [arguments]`)
if (!isInstalled()) await install()

const plain = process.stdout.isTTY || process.env.FORCE_COLOR !== undefined ? {} : { NO_COLOR: '1' }
const child = spawn(findNode(), [...targets[name], ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, ...plain, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
})
// A terminal sends Ctrl-C to both; this one waits for the other's answer.
process.on('SIGINT', () => undefined)
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => fail(`${name} could not be started: ${error.message}`))
child.on('exit', (code, signal) => {
  if (signal !== null) say(`${name} was ended by ${signal}.`)
  process.exitCode = code ?? 1
})
