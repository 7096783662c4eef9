/** `sallyport init` against a server on version 2 of the official SDK, which serves both eras. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { runCli } from '../kit/cli.ts'
import { temporaryFolder } from '../kit/folder.ts'
import { parts } from '../kit/parts.ts'
import { startDaemon, untilReady } from '../kit/parts/process.ts'

const { conformance: suite } = parts()
const program = fileURLToPath(new URL('../conformance/everything-server.ts', import.meta.url))

describe.skipIf(suite === undefined)('sallyport init', () => {
  it('lists the tools of the everything-server; all are never, because it says nothing of them', async () => {
    const logFile = join(temporaryFolder(), 'log')
    const server = await startDaemon({ program: process.execPath, args: [program], logFile })
    onTestFinished(() => server.stop())
    const address = () => /^http:\S+$/m.exec(server.log())?.[0]
    await untilReady('the everything-server', server, async () => address() !== undefined, 60)
    const out = join(temporaryFolder(), 'sallyport.yaml')
    const { code, err } = await runCli(['init', '--server', address()!, '--out', out, '--json'])
    expect([code, err]).toEqual([0, ''])
    const validated = await runCli(['validate', '--form', 'dev', '--config', out, '--json'])
    expect([validated.code, JSON.parse(validated.out).ok]).toEqual([0, true])
    const { tools } = parse(readFileSync(out, 'utf8'))
    expect(Object.keys(tools)).toContain('test_simple_text')
    // Only those of 2026-07-28: that it was asked in.
    expect(Object.keys(tools)).toContain('test_trigger_tool_change')
    for (const entry of Object.values(tools)) expect(entry).toMatchObject({ class: 'never', uses: [] })
  }, 120_000)
})
