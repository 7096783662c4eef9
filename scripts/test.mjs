/** Runs the tests and says, as the very last line, `N passed, N failed, N skipped`. Arguments are vitest's. */
import { parseCLI, startVitest } from 'vitest/node'

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
// Whoever names a project wants that one; `sign-in` has a command of its own.
options.project ??= ['unit', 'real']

const counts = { passed: 0, failed: 0, skipped: 0 }
try {
  const vitest = await startVitest('test', filter, { ...options, watch: false })
  count(vitest)
  await vitest.close()
} catch (error) {
  counts.failed += 1
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
}
if (counts.passed + counts.failed + counts.skipped === 0) counts.failed = 1
if (counts.failed > 0) process.exitCode = 1
// After whatever is still in the pipes: nothing may follow this line.
process.on('exit', () =>
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`),
)

/** A file that does not load and an error outside of any test count as a failure each. */
function count(vitest) {
  for (const module of vitest.state.getTestModules()) {
    const tests = [...module.children.allTests()]
    for (const test of tests) {
      const { state } = test.result()
      if (state === 'passed') counts.passed += 1
      else if (state === 'skipped') counts.skipped += 1
      else counts.failed += 1
    }
    const broken = [module, ...module.children.allSuites()].filter((part) => part.errors().length > 0)
    counts.failed += broken.length
  }
  counts.failed += vitest.state.getUnhandledErrors().length
}
