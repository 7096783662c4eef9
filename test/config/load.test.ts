import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigErrors, dataFolder, loadConfig } from '../../src/config/index.ts'
import { tidy } from './written.ts'

let folder: string
const at = (name: string) => join(folder, name)
const single = { form: 'single', env: {} } as const

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-load-'))
  mkdirSync(at('folder'))
  writeFileSync(at('key'), new Uint8Array(32), { mode: 0o600 })
  writeFileSync(at('secret'), 'hidden\n', { mode: 0o600 })
})

afterAll(() => rmSync(folder, { recursive: true }))

const written = (secret: string) => {
  writeFileSync(
    at('sallyport.yaml'),
    tidy.replace('file:/run/key', 'file:key').replace('file:/run/secret', secret),
  )
  return at('sallyport.yaml')
}

async function problems(path: string): Promise<string> {
  const thrown: unknown = await loadConfig(path, single).catch((error: unknown) => error)
  return thrown instanceof ConfigErrors ? thrown.describe() : String(thrown)
}

describe('files on the disk', () => {
  it.each([
    ['a configuration that is missing', () => at('none.yaml'), /there is no file .*none\.yaml/],
    ['a configuration that is a folder', () => at('folder'), /no regular file/],
    [
      'a secret that is a folder',
      () => written('file:folder'),
      /login\.client\.secret: .*folder is no regular file/,
    ],
    ['a secret below a file', () => written('file:key/x'), /login\.client\.secret: there is no file/],
    [
      'a device as a secret',
      () => written('file:/dev/zero'),
      /login\.client\.secret: \/dev\/zero is no regular file/,
    ],
  ])('are refused: %s', async (_, path, says) => {
    expect(await problems(path())).toMatch(says)
  })

  it('are refused where the configuration is not UTF-8', async () => {
    writeFileSync(at('latin1.yaml'), Buffer.from('tenant: \xe4', 'latin1'))
    expect(await problems(at('latin1.yaml'))).toMatch(/not UTF-8/)
  })

  it('are read from the folder of the configuration, with a warning where everybody may read a secret', async () => {
    const path = written('file:secret')
    expect((await loadConfig(path, single)).warnings).toEqual([])
    chmodSync(at('secret'), 0o604)
    const { warnings, data } = await loadConfig(path, single)
    expect(warnings.map(({ path: where, remedy }) => `${where}: ${remedy}`)).toEqual([
      `login.client.secret: chmod o-r ${at('secret')}`,
    ])
    expect(data).toBe(at('data'))
  })
})

describe('the data folder', () => {
  it('is found also where the rest of the file is broken', async () => {
    writeFileSync(at('broken.yaml'), 'data: ./here\nallow: [group: x]\nunknown: 1\n')
    expect(await dataFolder(at('broken.yaml'))).toBe(at('here'))
  })

  it('fills in the environment', async () => {
    writeFileSync(at('env.yaml'), 'data: "${PLACE}/x"\n')
    expect(await dataFolder(at('env.yaml'), { PLACE: '/srv' })).toBe('/srv/x')
    await expect(dataFolder(at('env.yaml'))).rejects.toThrow(ConfigErrors)
  })

  it('is refused where it is no text', async () => {
    writeFileSync(at('list.yaml'), 'data: [x]\n')
    await expect(dataFolder(at('list.yaml'))).rejects.toThrow(ConfigErrors)
  })
})
