/**
 * `npm run test:sign-in`: every way in that people and their clients have, from the address of a server to a tool's
 * answer. Says each that was gone to its end, and as the very last line `sign-in: N flows, N failed`.
 */
import { parseCLI, startVitest } from 'vitest/node'

const { filter, options } = parseCLI(['vitest', 'run', '--project', 'sign-in', ...process.argv.slice(2)])

const flows = []
let failed = 0
try {
  const vitest = await startVitest('test', filter, { ...options, watch: false })
  for (const module of vitest.state.getTestModules()) count(module)
  failed += vitest.state.getUnhandledErrors().length
  await vitest.close()
} catch (error) {
  failed += 1
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
}
if (failed > 0 || flows.length === 0) process.exitCode = 1
process.on('exit', () => {
  for (const flow of flows.sort()) process.stdout.write(`  ${flow}\n`)
  process.stdout.write(`sign-in: ${flows.length} flows, ${failed} failed\n`)
})

/** A flow is what a test says when it has its answer. Whatever does not pass is a failure, whether it was a flow or not. */
function count(module) {
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    if (state === 'passed') flows.push(...(test.meta().flows ?? []))
    else if (state === 'skipped') process.stderr.write(`skipped: ${test.fullName}\n`)
    else failed += 1
  }
  failed += [module, ...module.children.allSuites()].filter((part) => part.errors().length > 0).length
}
