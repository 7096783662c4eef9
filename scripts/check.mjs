/** The static gate: every check at once, as many at a time as there are cores, output of the failed ones only. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

// Slowest first, so that the others fit in beside it.
const checks = ['lint', 'typecheck', 'unused', 'rooms', 'format:check', 'docs:check', 'lockfile']
const queue = [...checks]
const results = new Map()
const started = performance.now()

function run(name) {
  return new Promise((resolve) => {
    const begun = performance.now()
    const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', 'pipe', 'pipe'] })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.on('error', (error) => output.push(Buffer.from(`${error.message}\n`)))
    child.on('close', (code) => {
      results.set(name, {
        ok: code === 0,
        seconds: (performance.now() - begun) / 1000,
        output: Buffer.concat(output),
      })
      resolve()
    })
  })
}

async function worker() {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) await run(name)
}

await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker))

for (const [name, { ok, output }] of results) {
  if (!ok) process.stdout.write(`── ${name}\n${output.toString()}\n`)
}
for (const name of checks) {
  const { ok, seconds } = results.get(name)
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(14)}${seconds.toFixed(1).padStart(6)} s\n`)
}
const failed = checks.filter((name) => !results.get(name).ok).length
const total = ((performance.now() - started) / 1000).toFixed(1)
process.stdout.write(
  failed === 0
    ? `all ${checks.length} checks passed in ${total} s\n`
    : `${failed} of ${checks.length} checks failed in ${total} s\n`,
)
process.exitCode = failed === 0 ? 0 : 1
