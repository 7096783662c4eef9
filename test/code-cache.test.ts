import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const source = fileURLToPath(new URL('../src/code-cache.ts', import.meta.url))
let place: string
let folder: string

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'sallyport-code-'))
  folder = join(place, 'cache')
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

/** Where a process of its own keeps compiled code after it was told `folder`; empty for nowhere. */
function kept(): string {
  const script = `
    import { getCompileCacheDir } from 'node:module'
    import { keepCompiledCode } from ${JSON.stringify(source)}
    keepCompiledCode(${JSON.stringify(folder)})
    process.stdout.write(getCompileCacheDir() ?? '')`
  const env = { PATH: process.env['PATH'] }
  return execFileSync(process.execPath, ['--input-type=module', '--eval', script], { env, encoding: 'utf8' })
}

describe('compiled code, which is run unseen', () => {
  it.each([0o777, 0o775, 0o1777])('is not taken from a folder that others can write (%o)', (mode) => {
    mkdirSync(folder)
    chmodSync(folder, mode)
    expect(kept()).toBe('')
  })

  it('is not taken through a link, which another may turn', () => {
    const elsewhere = join(place, 'elsewhere')
    mkdirSync(elsewhere, { mode: 0o700 })
    symlinkSync(elsewhere, folder)
    expect(kept()).toBe('')
  })

  it.runIf(process.getuid?.() === 0)('is not taken from a folder of somebody else', () => {
    mkdirSync(folder, { mode: 0o700 })
    chownSync(folder, 4242, 4242)
    expect(kept()).toBe('')
  })

  it('is kept nowhere, where the folder cannot be made', () => {
    folder = join('/proc', 'cache')
    expect(kept()).toBe('')
  })

  it('is kept in a folder that is made for its owner alone', () => {
    expect(kept().startsWith(folder)).toBe(true)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
  })
})
