/** sallyport as the package ships it: compiled, in a folder of its own that has the installed packages beside it. */
import { cpSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../test/kit/parts/run.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The path of `cli.js` in `folder`. */
export async function build(folder: string): Promise<string> {
  const dist = join(folder, 'dist')
  await run({
    what: 'compiling sallyport',
    program: join(root, 'node_modules', '.bin', 'tsc'),
    args: ['-p', join(root, 'tsconfig.build.json'), '--outDir', dist, '--declaration', 'false', '--noCheck'],
  })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return join(dist, 'cli.js')
}

/** The path to `guard` in the JSON Schema of the configuration. */
const guardPath = ['properties', 'downstreams', 'additionalProperties', 'properties', 'guard']

/** Whether this version lets a configuration turn the leak guard off and on. */
export function knowsGuard(): boolean {
  const schema = JSON.parse(readFileSync(join(root, 'schema', 'v1.json'), 'utf8')) as unknown
  return (
    guardPath.reduce((at, key) => (at as Record<string, unknown> | undefined)?.[key], schema) !== undefined
  )
}
