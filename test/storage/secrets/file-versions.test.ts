import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createFileVersions } from '../../../src/storage/secrets/file-versions.ts'
import { writeVersion } from '../../../src/storage/secrets/file-write.ts'
import { codeOf } from '../../conformance/secrets.ts'
import { temporaryFolder } from '../../kit/folder.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

describe('versions as files', () => {
  it('refuse every expected version but the newest', async () => {
    const versions = createFileVersions(temporaryFolder(), randomBytes)
    expect(await codeOf(versions.add('t/a', 1, bytes('x')))).toBe('secrets_conflict')
    for (let expected = 0; expected < 5; expected += 1)
      await versions.add('t/a', expected, bytes(`v${expected + 1}`))
    for (const expected of [0, 1, 2, 3, 4, 6, 7, 99]) {
      expect(await codeOf(versions.add('t/a', expected, bytes('x')))).toBe('secrets_conflict')
    }
    expect(await versions.newest('t/a')).toEqual({ version: 5, bytes: bytes('v5') })
  })

  it('are two at most, and one when the older are removed', async () => {
    const root = temporaryFolder()
    const versions = createFileVersions(root, randomBytes)
    for (let expected = 0; expected < 5; expected += 1) await versions.add('t/a', expected, bytes('x'))
    expect(readdirSync(join(root, 't/a')).sort()).toEqual(['4', '5'])
    await versions.removeBelow('t/a', 5)
    await versions.removeBelow('t/a', 5)
    await versions.removeBelow('t/never', 5)
    expect(readdirSync(join(root, 't/a'))).toEqual(['5'])
  })

  it('let one of many writers win, in one process or in several', async () => {
    const root = temporaryFolder()
    const clients = [1, 2, 3].map(() => createFileVersions(root, randomBytes))
    for (let expected = 0; expected < 10; expected += 1) {
      const tries = clients.flatMap((client, n) =>
        [1, 2].map((m) => codeOf(client.add('t/a', expected, bytes(`${n}-${m}`)))),
      )
      const codes = await Promise.all(tries)
      expect(codes.filter((code) => code === 'no error')).toHaveLength(1)
      expect((await clients[0]?.newest('t/a'))?.version).toBe(expected + 1)
    }
  })

  it('refuse a writer who slept while others went past him, and keep nothing of his', async () => {
    const root = temporaryFolder()
    const others = createFileVersions(root, randomBytes)
    for (let expected = 0; expected < 2; expected += 1) await others.add('t/a', expected, bytes('x'))
    // He has checked that 2 is the newest and now makes his file's name: that is where he sleeps.
    const sleeper = createFileVersions(root, (size) => {
      writeFileSync(join(root, 't/a/5'), 'theirs')
      for (const gone of ['1', '2']) rmSync(join(root, 't/a', gone))
      return randomBytes(size)
    })
    expect(await codeOf(sleeper.add('t/a', 2, bytes('his')))).toBe('secrets_conflict')
    expect(readdirSync(join(root, 't/a'))).toEqual(['5'])
  })

  it('replace nothing that is there', async () => {
    const folder = temporaryFolder()
    expect(await writeVersion(folder, 1, bytes('first'), randomBytes)).toBe(true)
    expect(await writeVersion(folder, 1, bytes('second'), randomBytes)).toBe(false)
    expect(readdirSync(folder)).toEqual(['1'])
  })
})
