/** sallyport as the package ships it: bundled, in a folder of its own with nothing beside it, started as the image starts it. */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../test/kit/parts/run.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

export interface Build {
  /** The path of `cli.js` in the folder. */
  readonly cli: string
  /** What Node is started with. */
  readonly flags: readonly string[]
}

export async function build(folder: string): Promise<Build> {
  const dist = join(folder, 'dist')
  const script = (name: string) => join(root, 'scripts', `${name}.mjs`)
  const cli = join(dist, 'cli.js')
  const flags = flagsOfImage()
  await run({ what: 'building sallyport', program: process.execPath, args: [script('build'), dist] })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  await run({ what: 'starting it once', program: process.execPath, args: [...flags, script('warm'), cli] })
  return { cli, flags }
}

/** The flags in the Dockerfile's ENTRYPOINT. @throws Error where there are none */
function flagsOfImage(): string[] {
  const words = /^ENTRYPOINT (\[(?:[^\]]|\\\n)*\])/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1]
  if (words === undefined) throw new Error('the Dockerfile has no ENTRYPOINT')
  return (JSON.parse(words.replaceAll('\\\n', '')) as string[]).filter((word) => word.startsWith('--'))
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
