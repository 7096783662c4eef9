import { createHash } from 'node:crypto'
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from './cache.ts'
import { run } from './run.ts'

const source = fileURLToPath(new URL('../../conformance/suite', import.meta.url))

/**
 * The folder in whose node_modules the MCP conformance suite is, and the SDK of the server that it is run against.
 * They are no dependencies of the project: this is some 60 MB that only one test needs. `undefined`: offline and not
 * in the cache.
 */
export async function obtainConformanceSuite(): Promise<string | undefined> {
  const lock = await readFile(join(source, 'package-lock.json'))
  const digest = createHash('sha256').update(lock).digest('hex').slice(0, 12)
  return cached(`mcp-conformance-${digest}`, async (into) => {
    for (const name of ['package.json', 'package-lock.json'])
      await copyFile(join(source, name), join(into, name))
    await run({
      what: 'MCP conformance suite: installing with npm',
      program: 'npm',
      args: ['ci', '--prefix', into, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    })
  })
}
