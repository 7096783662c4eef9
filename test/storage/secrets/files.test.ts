import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { epoch, type GrantPlace, millis, Secret } from '../../../src/model/index.ts'
import type { Secrets } from '../../../src/storage/index.ts'
import { openFileSecrets } from '../../../src/storage/secrets/files.ts'
import { codeOf, grantWith, secretsConformance } from '../../conformance/secrets.ts'
import { temporaryFolder } from '../../kit/folder.ts'

// Other work on the same machine may be heavy.
vi.setConfig({ testTimeout: 30_000 })

secretsConformance('encrypted files', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-secrets-'))
  const key = new Secret<Uint8Array>(randomBytes(32), 'store key')
  let now = 0
  const clock = { now: () => epoch(now), monotonic: () => millis(performance.now()) }
  return {
    open: () => openFileSecrets({ dir, key }, { clock, random: randomBytes }),
    setNow: (seconds) => {
      now = seconds
    },
    versionsWithContent: async () =>
      readdirSync(join(dir, 't'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
        .length,
    close: async () => rmSync(dir, { recursive: true }),
  }
})

const principal = {
  kind: 'user',
  tenant: 'acme',
  issuer: 'https://canary-in-the-mine-issuer',
  subject: 'canary-in-the-mine-subject',
} as const
const place: GrantPlace = {
  tenant: 'acme',
  group: 'crm',
  principal,
  downstream: 'canary-in-the-mine-downstream',
  audience: 'canary-in-the-mine-audience',
}
const clock = { now: () => epoch(1_800_000_000), monotonic: () => millis(performance.now()) }
const raw = new Secret<Uint8Array>(randomBytes(32), 'store key')
const open = (dir: string, key: Secret<Uint8Array> | Secret = raw): Promise<Secrets> =>
  openFileSecrets({ dir, key }, { clock, random: randomBytes })

const filesOf = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

/**
 * The text as it would look inside longer text: plain, UTF-16, hex, and base64 at each of its three offsets without
 * the characters that its neighbours decide. Long enough that none of them comes about by chance.
 */
function encodingsOf(text: string): string[] {
  const hex = Buffer.from(text).toString('hex')
  const found = [text, Buffer.from(text, 'utf16le').toString('latin1'), hex, hex.toUpperCase()]
  for (const offset of [0, 1, 2]) {
    const whole = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)])
    for (const coding of ['base64', 'base64url'] as const) {
      const coded = whole.toString(coding).replace(/=+$/, '')
      found.push(coded.slice(offset === 0 ? 0 : offset + 1, -1))
    }
  }
  expect(Math.min(...found.map((each) => each.length))).toBeGreaterThan(12)
  return found
}

describe('encrypted files', () => {
  it('refuse another key, passphrase or kind of key, and say which field is wrong', async () => {
    const byBytes = temporaryFolder()
    const byPassphrase = temporaryFolder()
    const passphrase = new Secret('correct horse', 'passphrase')
    await (await open(byBytes)).close()
    await (await open(byPassphrase, passphrase)).close()
    const wrong = [
      [byBytes, new Secret<Uint8Array>(randomBytes(32), 'key')],
      [byBytes, new Secret<Uint8Array>(randomBytes(31), 'key')],
      [byBytes, passphrase],
      [byPassphrase, raw],
      [byPassphrase, new Secret('correct horse ', 'passphrase')],
      [byPassphrase, new Secret('', 'passphrase')],
      [temporaryFolder(), new Secret('', 'passphrase')],
      [temporaryFolder(), new Secret<Uint8Array>(new Uint8Array(16), 'key')],
    ] as const
    for (const [dir, key] of wrong) {
      await expect(open(dir, key)).rejects.toMatchObject({ code: 'config_invalid', facts: { field: 'key' } })
    }
    await (await open(byPassphrase, passphrase)).close()
  })

  it('refuse a folder whose header is gone instead of beginning a new store over it', async () => {
    const dir = temporaryFolder()
    const secrets = await open(dir)
    await secrets.create(place, grantWith(), 0)
    await secrets.close()
    rmSync(join(dir, 'store'), { recursive: true })
    await expect(open(dir)).rejects.toMatchObject({ code: 'config_invalid', facts: { field: 'data' } })
  })

  it.each([
    'not json',
    '{}',
    '{"v":1,"salt":"","kdf":{"n":1073741824,"r":8,"p":1},"check":""}',
    '{"v":1,"salt":"","kdf":{"n":65536,"r":8,"p":1000000},"check":""}',
    '{"v":1,"salt":"","kdf":5,"check":""}',
  ])('refuse the damaged header %s without working on it', async (header) => {
    const dir = temporaryFolder()
    await (await open(dir)).close()
    writeFileSync(join(dir, 'store', '1'), header)
    const key = new Secret('passphrase', 'passphrase')
    await expect(open(dir, key)).rejects.toMatchObject({ code: 'secrets_corrupt' })
  })

  it('show nothing to who has a dump without the key, in any encoding', async () => {
    const dir = temporaryFolder()
    const passphrase = new Secret('canary-in-the-mine-passphrase', 'passphrase')
    const secrets = await open(dir, passphrase)
    const version = await secrets.create(
      place,
      grantWith({
        rt: new Secret('canary-in-the-mine-refresh', 'refresh token'),
        at: new Secret('canary-in-the-mine-access', 'access token'),
        registration: 'canary-in-the-mine-registration',
        scopes: ['canary-in-the-mine-scope'],
        sid: 'canary-in-the-mine-session',
        claim: { owner: 'canary-in-the-mine-owner', until: epoch(1_800_000_100) },
      }),
      0,
    )
    await secrets.update(
      place,
      grantWith({ gen: 1, rt: new Secret('canary-in-the-mine-rotated', 'refresh token') }),
      version,
    )
    await secrets.seal(
      'canary-in-the-mine-job',
      'acme',
      new Secret('canary-in-the-mine-sealed', 'refresh token'),
      epoch(1_900_000_000),
    )
    const other = { ...place, audience: 'canary-in-the-mine-other' }
    await secrets.create(other, grantWith(), 0)
    await secrets.destroy(other, { at: epoch(1), rev: 1, cause: 'canary-in-the-mine-cause' })
    await secrets.close()

    const files = filesOf(dir)
    expect(files.length).toBeGreaterThanOrEqual(6)
    const whole = files.map((path) => relative(dir, path) + readFileSync(path, 'latin1')).join('\n')
    for (const needle of encodingsOf('canary-in-the-mine-')) expect(whole).not.toContain(needle)
    for (const word of ['refresh', 'active', 'scopes', 'registration']) expect(whole).not.toContain(word)
    // The search itself finds what is there, wherever it begins.
    for (const coding of ['latin1', 'hex', 'base64', 'base64url', 'utf16le'] as const) {
      for (const before of ['', '1', '12']) {
        const text = Buffer.from(`${before}canary-in-the-mine-x`, coding === 'utf16le' ? coding : 'latin1')
        const stored = coding === 'utf16le' ? text.toString('latin1') : text.toString(coding)
        expect(encodingsOf('canary-in-the-mine-').some((needle) => stored.includes(needle))).toBe(true)
      }
    }
  })

  it('are readable by their owner only', async () => {
    const dir = join(temporaryFolder(), 'secrets')
    const secrets = await open(dir)
    await secrets.create(place, grantWith(), 0)
    await secrets.close()
    expect((statSync(dir).mode & 0o777).toString(8)).toBe('700')
    for (const path of filesOf(dir)) {
      expect((statSync(path).mode & 0o777).toString(8)).toBe('600')
      expect((statSync(dirname(path)).mode & 0o777).toString(8)).toBe('700')
    }
  })

  it('are refused when any byte was changed, or an old version was put back as the newest', async () => {
    const dir = temporaryFolder()
    const secrets = await open(dir)
    await secrets.create(place, grantWith(), 0)
    const [grantFile] = filesOf(dir).filter((path) => path.includes('/grants/'))
    const path = String(grantFile)
    const good = readFileSync(path)
    for (let at = 0; at < good.length; at += 11) {
      const bad = Buffer.from(good)
      bad.writeUInt8(bad.readUInt8(at) ^ 1, at)
      writeFileSync(path, bad)
      expect(await codeOf(secrets.read(place))).toBe('secrets_corrupt')
    }
    for (const bad of ['', '.', '..', 'a.b.c.d', good.subarray(1)]) {
      writeFileSync(path, bad)
      expect(await codeOf(secrets.read(place))).toBe('secrets_corrupt')
    }
    writeFileSync(path, good)
    expect((await secrets.read(place))?.grant?.gen).toBe(0)
    copyFileSync(path, join(dirname(path), '2'))
    expect(await codeOf(secrets.read(place))).toBe('secrets_corrupt')
    await secrets.close()
  })

  it('can be destroyed also when they are damaged', async () => {
    const dir = temporaryFolder()
    const secrets = await open(dir)
    await secrets.create(place, grantWith(), 0)
    for (const path of filesOf(join(dir, 't'))) writeFileSync(path, 'damaged')
    const tomb = { at: epoch(1), rev: 1, cause: 'revoked' }
    await secrets.destroy(place, tomb)
    await secrets.destroyKey('acme', 'crm', principal, tomb)
    expect((await secrets.read(place))?.tomb).toEqual(tomb)
    await secrets.close()
  })

  it('lose what writers left who died half-way, and nothing else', async () => {
    const dir = temporaryFolder()
    const secrets = await open(dir)
    await secrets.create(place, grantWith(), 0)
    await secrets.close()
    const [grantFile] = filesOf(dir).filter((path) => path.includes('/grants/'))
    writeFileSync(join(dirname(String(grantFile)), 'new-abc'), 'half')
    const again = await open(dir)
    expect(filesOf(dir).filter((path) => path.endsWith('new-abc'))).toEqual([])
    expect((await again.read(place))?.grant?.gen).toBe(0)
    await again.close()
  })

  it('answer secrets_unavailable when the folder is gone, naming it in no message', async () => {
    const dir = temporaryFolder()
    const secrets = await open(dir)
    await secrets.create(place, grantWith(), 0)
    rmSync(dir, { recursive: true })
    writeFileSync(dir, 'a file where the folder was')
    const failure = secrets.create({ ...place, audience: 'other' }, grantWith(), 0)
    await expect(failure).rejects.toMatchObject({ code: 'secrets_unavailable', facts: { field: 'data' } })
    await expect(failure).rejects.not.toThrow(dir)
    expect(await secrets.health()).toBe('down')
    await secrets.close()
  })

  it('do nothing more once closed, least of all under a wiped key', async () => {
    const secrets = await open(temporaryFolder())
    await secrets.close()
    expect(await codeOf(secrets.create(place, grantWith(), 0))).toBe('shutting_down')
    expect(
      await codeOf(secrets.seal('job', 'acme', new Secret('x', 'refresh token'), epoch(2_000_000_000))),
    ).toBe('shutting_down')
  })
})
