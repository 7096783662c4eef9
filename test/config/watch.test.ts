import { mkdtempSync, rmSync, symlinkSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Config, loadConfig, watchConfig } from '../../src/config/index.ts'

const options = { form: 'dev', env: {} } as const
const text = (user: string) => `allow: ["user:${user}"]\n`
let folder: string
let stop: () => void

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-watch-'))
})

afterEach(() => {
  stop()
  rmSync(folder, { recursive: true })
})

/** What was told, and a promise of the next telling. */
async function watched(path: string) {
  const told: string[] = []
  const waiting: (() => void)[] = []
  const tell = (what: string) => {
    told.push(what)
    for (const wake of waiting.splice(0)) wake()
  }
  const current = await loadConfig(path, options)
  const who = (config: Config) =>
    config.servers[0]?.allow.map((rule) => ('value' in rule ? rule.value : '')).join()
  stop = watchConfig(
    path,
    { ...options, current },
    {
      changed: (config) => tell(`changed ${who(config) ?? ''}`),
      refused: (error) => tell(`refused ${error.code}`),
    },
  )
  const next = () => new Promise<void>((resolve) => waiting.push(resolve))
  return { told, next }
}

describe('a watched configuration', () => {
  it('is refused where it is broken, and what was in force stays so until it is whole again', async () => {
    const path = join(folder, 'sallyport.yaml')
    writeFileSync(path, text('alice'))
    const { told, next } = await watched(path)
    const refused = next()
    writeFileSync(path, 'allow: [\n')
    await refused
    const changed = next()
    writeFileSync(path, text('bob'))
    await changed
    expect(told).toEqual(['refused config_invalid', 'changed bob'])
  })

  it('is noticed where the file is replaced, as editors do', async () => {
    const path = join(folder, 'sallyport.yaml')
    writeFileSync(path, text('alice'))
    const { told, next } = await watched(path)
    const changed = next()
    writeFileSync(join(folder, 'new'), text('carol'))
    renameSync(join(folder, 'new'), path)
    await changed
    expect(told).toEqual(['changed carol'])
  })

  it('is noticed where a link is swapped, as Kubernetes does', async () => {
    const path = join(folder, 'sallyport.yaml')
    writeFileSync(join(folder, 'first'), text('alice'))
    writeFileSync(join(folder, 'second'), text('dave'))
    symlinkSync(join(folder, 'first'), join(folder, '..data'))
    symlinkSync(join(folder, '..data'), path)
    const { told, next } = await watched(path)
    const changed = next()
    symlinkSync(join(folder, 'second'), join(folder, '..new'))
    renameSync(join(folder, '..new'), join(folder, '..data'))
    await changed
    expect(told).toEqual(['changed dave'])
  })

  it('is not told where nothing that decides changed', async () => {
    const path = join(folder, 'sallyport.yaml')
    writeFileSync(path, text('alice'))
    const { told, next } = await watched(path)
    const changed = next()
    writeFileSync(path, `# a comment\n${text('alice')}`)
    await new Promise((resolve) => setTimeout(resolve, 150))
    writeFileSync(path, text('erin'))
    await changed
    expect(told).toEqual(['changed erin'])
  })
})
