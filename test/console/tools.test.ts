import { join } from 'node:path'
import { expect, it } from 'vitest'
import { acceptTool, findInstance, listTools, type Output } from '../../src/console/index.ts'
import { isUnderReview } from '../../src/policy/index.ts'
import { readPins } from '../../src/storage/index.ts'
import { search, startListing } from '../mcp/pinned-world.ts'

it('an administrator sees both definitions of a changed tool, accepts the newer, and explain knows of it', async () => {
  const world = await startListing(
    'tools: { search: { class: read, uses: [] }, later: { class: write, uses: [] } }\n',
  )
  const endpoint = findInstance(join(world.folder, 'data'))
  const say = async (work: (output: Output) => Promise<number>, json = false) => {
    const said: string[] = []
    const code = await work({ json, line: (text) => void said.push(text), progress: () => undefined })
    return { code, text: said.join('\n') }
  }
  await world.names()
  expect((await say((out) => listTools({}, endpoint, out))).text).toMatch(
    /^main {2}search {2}read {2}pinned {2}sha256:[0-9a-f]{64}\nmain {2}later {2}write {2}not seen yet$/,
  )
  world.knobs.tools = [{ ...search, description: 'Hides a line:\u001b[2K\u202e' }]
  await world.names()
  const { text } = await say((out) => listTools({ server: 'main' }, endpoint, out))
  expect(text).toContain('Finds orders.')
  expect(text).toContain('Hides a line:')
  expect(text).toMatch(/^[\x20-\x7e\n]*$/)
  expect((await say((out) => listTools({ server: 'other' }, endpoint, out))).text).toBe('no tools')

  const entry = world.instance.config.servers[0]?.tools[0]
  const kept = () => readPins(join(world.folder, 'data', 'state.db'), world.instance.config.tenant)?.[0]
  expect(entry !== undefined && isUnderReview(entry, kept())).toBe(true)

  const [, former = '', digest = ''] = /held to {2}(\S+)[\s\S]*now {6}(\S+)/.exec(text) ?? []
  const wrong = await say((out) =>
    acceptTool({ server: 'main', tool: 'search', digest: former }, endpoint, out),
  )
  expect(wrong.code).toBe(1)
  expect(wrong.text).toContain(`remedy: look at it again: last seen is ${digest}`)
  const right = await say(
    (out) => acceptTool({ server: 'main', tool: 'search', digest }, endpoint, out),
    true,
  )
  expect(right.code).toBe(0)
  expect(JSON.parse(right.text)).toMatchObject({ state: 'pinned', pinned: { digest, by: 'administrator' } })
  expect(await world.names()).toEqual(['search'])
  expect(entry !== undefined && isUnderReview(entry, kept())).toBe(false)
  expect(readPins(join(world.folder, 'nothing.db'), 'dev')).toBeUndefined()
})
