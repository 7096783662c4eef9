import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { proofOf, writeCapability } from '../../src/identity/capability.ts'
import { Secret } from '../../src/model/index.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { codeOf } from './opened.ts'

const deps = { random: (size: number) => randomBytes(size) }

describe('a capability file', () => {
  it('that cannot be written is an error, and leaves nothing behind', async () => {
    const folder = temporaryFolder()
    expect(await codeOf(() => writeCapability(`${folder}/no/such/folder`, 'server', deps))).toBe(
      'state_unavailable',
    )
    await writeFile(`${folder}/taken`, '')
    expect(await codeOf(() => writeCapability(`${folder}/taken/x`, 'admin', deps))).toBe('state_unavailable')
    expect(await readdir(folder)).toEqual(['taken'])
  })

  it.each([
    ['server', 0o440],
    ['admin', 0o600],
  ] as const)('of kind %s has mode %o, 256 random bits, and only its proof stays', async (kind, mode) => {
    const path = `${temporaryFolder()}/capability`
    const proof = await writeCapability(path, kind, deps)
    expect((await stat(path)).mode & 0o777).toBe(mode)
    const value = (await readFile(path, 'utf8')).trimEnd()
    expect(value).toMatch(/^sp_(cap|adm)_[A-Za-z0-9_-]{43}$/)
    expect(proof.matches(value)).toBe(true)
    for (const other of ['', value.slice(1), value.slice(0, -1), `${value} `, value.toUpperCase()]) {
      expect(proof.matches(other)).toBe(false)
    }
    expect(JSON.stringify(proof)).not.toContain(value)
  })

  it('is made anew at each start, over one that cannot be written to', async () => {
    const path = `${temporaryFolder()}/capability`
    const first = await writeCapability(path, 'server', deps)
    await chmod(path, 0o400)
    const second = await writeCapability(path, 'server', deps)
    const value = (await readFile(path, 'utf8')).trimEnd()
    expect([first.matches(value), second.matches(value)]).toEqual([false, true])
  })
})

describe('a proof', () => {
  it('compares secrets of any length', () => {
    const proof = proofOf(new Secret('secret', 'test'))
    expect(['', 's', 'secre', 'secrets', 'x'.repeat(100_000)].some((value) => proof.matches(value))).toBe(
      false,
    )
    expect(proof.matches('secret')).toBe(true)
  })
})
