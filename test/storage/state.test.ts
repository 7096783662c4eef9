import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { epoch, SallyportError, Secret } from '../../src/model/index.ts'
import {
  agreesWithWitness,
  lockInstance,
  openKeyring,
  openSqliteState,
  witnessed,
} from '../../src/storage/index.ts'
import { stateConformance } from '../conformance/state.ts'
import { signInStateConformance } from '../conformance/state-sign-in.ts'
import { temporaryFolder } from '../kit/folder.ts'

const open = (folder = temporaryFolder()) =>
  openSqliteState(join(folder, 'state.db'), { newEpoch: () => 'first-epoch' })

stateConformance('SQLite', () => open())
signInStateConformance('SQLite', () => open())

const cut = { kind: 'cut', scope: { kind: 'tenant', tenant: 'acme' }, hold: false, cause: 'test' } as const

describe('the instance lock', () => {
  it('refuses a second instance on the same data folder, naming the field', () => {
    const folder = temporaryFolder()
    const lock = lockInstance(folder)
    expect(lock.held()).toBe(true)
    expect(() => lockInstance(folder)).toThrow(SallyportError)
    lock.release()
    expect(lock.held()).toBe(false)
    lockInstance(folder).release()
  })

  it('is given back when its process is killed', async () => {
    const folder = temporaryFolder()
    const script = join(folder, 'hold.ts')
    const source = new URL('../../src/storage/index.ts', import.meta.url).href
    writeFileSync(
      script,
      `import { lockInstance } from ${JSON.stringify(source)}\n// Nobody else holds it: without a name the collector would give it back.\nglobalThis.lock = lockInstance(${JSON.stringify(folder)})\nprocess.stdout.write('held')\nsetInterval(() => {}, 1000)\n`,
    )
    const child = spawn(process.execPath, [script])
    await once(child.stdout, 'data')
    expect(() => lockInstance(folder)).toThrow(SallyportError)
    child.kill('SIGKILL')
    await once(child, 'exit')
    lockInstance(folder).release()
  })
})

const unexpected = (error: unknown): never => {
  throw error
}

describe('the witness of the log', () => {
  it('that cannot be written is told, and does not deny an entry that stands in the log', async () => {
    const folder = temporaryFolder()
    const state = open(folder)
    const failures: unknown[] = []
    const log = witnessed(state.log, join(folder, 'state.db', 'no-folder'), (error) => failures.push(error))
    const entry = await log.append({ id: 'entry-one', at: epoch(1), by: 'x', body: cut })
    expect(await log.head()).toMatchObject({ seq: entry.seq })
    expect(failures).toHaveLength(1)
    await state.close()
  })

  it('notices a database that was put back from a backup', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'witness.json')
    const state = open(folder)
    const log = witnessed(state.log, path, unexpected)
    await log.append({ id: 'entry-one', at: epoch(1), by: 'x', body: cut })
    await state.close()
    copyFileSync(join(folder, 'state.db'), join(folder, 'backup.db'))
    const later = open(folder)
    await witnessed(later.log, path, unexpected).append({ id: 'entry-two', at: epoch(2), by: 'x', body: cut })
    expect(await agreesWithWitness(later.log, path)).toBe(true)
    await later.close()
    const restored = openSqliteState(join(folder, 'backup.db'), { newEpoch: () => 'x' })
    expect(await agreesWithWitness(restored.log, path)).toBe(false)
    await restored.close()
  })
})

describe('the keyring', () => {
  it('refuses another key than the one that the folder was made with', () => {
    const folder = temporaryFolder()
    openKeyring(folder, new Secret('a long enough passphrase', 'key'))
    expect(() => openKeyring(folder, new Secret('another passphrase', 'key'))).toThrow(SallyportError)
  })

  it('makes no new keys for a folder that has state and has lost its keyring', async () => {
    const folder = temporaryFolder()
    await open(folder).close()
    expect(() => openKeyring(folder, new Secret('a long enough passphrase', 'key'))).toThrow(
      expect.objectContaining({ code: 'config_invalid' }),
    )
  })

  it('refuses a keyring whose signing key was altered', () => {
    const folder = temporaryFolder()
    const key = new Secret(new Uint8Array(32).fill(7), 'key')
    openKeyring(folder, key)
    const path = join(folder, 'keyring.json')
    const file = JSON.parse(readFileSync(path, 'utf8')) as { signing: { ct: string } }
    file.signing.ct = `${file.signing.ct.startsWith('A') ? 'B' : 'A'}${file.signing.ct.slice(1)}`
    writeFileSync(path, JSON.stringify(file))
    expect(() => openKeyring(folder, key)).toThrow(SallyportError)
  })

  it('derives the same keys and signs with the same key on each start, a different key for each purpose', () => {
    const folder = temporaryFolder()
    const key = new Secret(new Uint8Array(32).fill(7), 'key')
    const one = openKeyring(folder, key)
    const two = openKeyring(folder, key)
    expect(two.derive('a').reveal()).toEqual(one.derive('a').reveal())
    expect(one.derive('b').reveal()).not.toEqual(one.derive('a').reveal())
    expect(two.signer.publicJwk).toEqual(one.signer.publicJwk)
  })
})
