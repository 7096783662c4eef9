/** Steps and checks, counted and timed. A step that fails throws: nothing after it can be tried. */
import { spawn } from 'node:child_process'

/** Nothing is ever skipped: a part that cannot be had fails the run. */
const counts = { passed: 0, failed: 0 }
const width = 92
const mark = { passed: 'ok  ', failed: 'FAIL' }

function report(outcome, name, begun, detail) {
  counts[outcome] += 1
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  process.stdout.write(`${mark[outcome]}  ${name.padEnd(width)}${seconds.padStart(6)} s\n`)
  if (detail) process.stdout.write(`${detail.trimEnd().replaceAll(/^/gm, '        ')}\n`)
}

/** One thing that must be true. `prove` throws, or answers with a line worth showing. */
export async function check(name, prove) {
  const begun = performance.now()
  try {
    const detail = await prove()
    report('passed', name, begun, typeof detail === 'string' ? detail : undefined)
  } catch (error) {
    report('failed', name, begun, error instanceof Error ? error.message : String(error))
  }
}

/** Work that the checks need. Says what goes on while it lasts. */
export async function step(name, work) {
  const begun = performance.now()
  const elapsed = () => ((performance.now() - begun) / 1000).toFixed(0)
  const pulse = setInterval(() => process.stdout.write(`      … ${name}, ${elapsed()} s\n`), 15_000)
  try {
    const result = await work()
    process.stdout.write(
      `      ${name.padEnd(width)}${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s\n`,
    )
    return result
  } catch (error) {
    report('failed', name, begun)
    throw error
  } finally {
    clearInterval(pulse)
  }
}

/** The last line, and the exit code. */
export function finish() {
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, 0 skipped\n`)
  process.exitCode = counts.failed === 0 ? 0 : 1
}

/** Runs a program to its end: its output, or an error that ends with the last lines it wrote. */
export async function run(program, args, options = {}) {
  const outcome = await attempt(program, args, options)
  if (outcome.code === 0) return outcome.stdout
  const said = `${outcome.stdout}\n${outcome.stderr}`.trim().split('\n').slice(-25).join('\n')
  throw new Error(`${program} ${args.slice(0, 4).join(' ')} … ended with ${outcome.code}\n${said}`)
}

/** As `run`, but a failure is an answer too. */
export function attempt(program, args, { cwd, env, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const said = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr']) {
      child[stream].setEncoding('utf8')
      child[stream].on('data', (text) => {
        said[stream] += text
      })
    }
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code: code ?? signal, ...said }))
    if (input !== undefined) child.stdin.end(input)
  })
}

export function must(condition, message) {
  if (!condition) throw new Error(message)
}
