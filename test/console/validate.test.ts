import { describe, expect, it } from 'vitest'
import { printConfig } from '../../src/config/index.ts'
import { type Checked, type Output, validate } from '../../src/console/index.ts'
import { canary, least, load, tidy } from '../config/written.ts'

function check(text: string, words: { expand: boolean; json: boolean }) {
  const lines: string[] = []
  const output: Output = {
    json: words.json,
    line: (line) => void lines.push(line),
    progress: () => undefined,
  }
  const checked = async (): Promise<Checked> => {
    const { config, expanded } = await load(text, { worldReadable: ['/run/secret'] })
    return { version: config.version, warnings: config.warnings, expanded, yaml: printConfig(expanded) }
  }
  return validate(words, checked, output).then((code) => ({ code, text: lines.join('\n') }))
}

describe('validate', () => {
  it('fails with every problem, its place and its remedy', async () => {
    const broken = least.replace('https://idp', 'http://idp').replace('class: write', 'class: wirte')
    const { code, text } = await check(broken, { expand: false, json: false })
    expect(code).toBe(1)
    expect(text).toMatch(/sallyport\.yaml:12:\d+ downstreams\.orders\.operations\[1\]\.class: .*\n {4}\S+/)
    expect(text).toMatch(/not valid: 1 problem$/)
  })

  it('fails with the problems as JSON', async () => {
    const { code, text } = await check(`${least}x: 1\n`, { expand: false, json: true })
    expect(code).toBe(1)
    expect(JSON.parse(text)).toMatchObject({
      ok: false,
      problems: [{ line: 13, path: 'x', remedy: expect.any(String) }],
    })
  })

  it('throws on what is no fault of the configuration', async () => {
    const output: Output = { json: false, line: () => undefined, progress: () => undefined }
    await expect(
      validate({ expand: false }, () => Promise.reject(new TypeError('other')), output),
    ).rejects.toThrow(TypeError)
  })

  it('says that a configuration is valid, with its warnings', async () => {
    const { code, text } = await check(tidy, { expand: false, json: false })
    expect(code).toBe(0)
    expect(text).toMatch(/^warning: .*every user of this machine[^]*valid, policy [0-9a-f]{16}$/)
  })

  it('prints the long form, which can be loaded again, and no secret', async () => {
    const { code, text } = await check(least, { expand: true, json: false })
    expect(code).toBe(0)
    expect(text).not.toContain(canary)
    expect(text).toContain('secret: file:/run/secret')
    const again = await load(text)
    expect(again.config.version).toBe((await load(least)).config.version)
  })
})
