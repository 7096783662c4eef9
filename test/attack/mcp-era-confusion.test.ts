import { beforeEach, describe, expect, it } from 'vitest'
import { call, json, legacy, modern, modernBody, modernHeaders, modernVersion } from '../mcp/messages.ts'
import { startWorld, type World } from '../mcp/world.ts'

/**
 * A66 a message that is of two protocol eras, or of none: whoever reads it by the laxer one would skip what the other demands. Each is
 * refused, always in the same way, and no byte reaches the server.
 */
let world: World
beforeEach(async () => {
  world = await startWorld()
})

const mismatch = '400 -32020 protocol_mismatch'
const unserved = '400 -32022 protocol_version_unsupported'
const unknownMethod = '404 -32601'
const noMeta = '400 -32602 protocol_meta_missing'
const version = (text: string) => [...json, 'MCP-Protocol-Version', text]
const plain = (method: string, params = {}) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
const meta = (text: string) => ({ _meta: { 'io.modelcontextprotocol/protocolVersion': text } })

describe('A66 a message of two eras, or of none', () => {
  it.each<[string, readonly string[], string, string]>([
    [
      'the modern form with a session of the legacy one',
      modernHeaders({ 'Mcp-Method': 'tools/list', 'Mcp-Session-Id': 'any' }),
      modernBody('tools/list'),
      mismatch,
    ],
    [
      'initialize with a modern header',
      version(modernVersion),
      plain('initialize', { protocolVersion: '2025-11-25' }),
      noMeta,
    ],
    [
      'initialize in the modern form',
      modernHeaders({ 'Mcp-Method': 'initialize' }),
      modernBody('initialize', { protocolVersion: '2025-11-25' }),
      unknownMethod,
    ],
    ['a version of the far future', version('9999-01-01'), plain('tools/list'), noMeta],
    [
      'the same on both sides',
      [...version('9999-01-01'), 'Mcp-Method', 'tools/list'],
      plain('tools/list', meta('9999-01-01')),
      unserved,
    ],
    ['a version that is none', version('latest'), plain('tools/list'), noMeta],
    ['an empty version', version(''), plain('tools/list'), noMeta],
    ['several versions', version('2025-11-25, 2026-07-28'), plain('tools/list'), noMeta],
    ['a version with something behind', version('2025-11-25;x'), plain('tools/list'), noMeta],
    ['a version that is too old', version('2025-03-26'), plain('tools/list'), unserved],
    [
      'initialize that asks for one that is too old',
      json,
      plain('initialize', { protocolVersion: '2024-11-05' }),
      unserved,
    ],
    [
      'no version, but a name for those who route',
      [...json, 'Mcp-Name', 'read_order'],
      plain('tools/call', call('read_order')),
      mismatch,
    ],
    [
      'a legacy header over a modern body',
      version('2025-11-25'),
      modernBody('tools/call', call('read_order')),
      mismatch,
    ],
    [
      'a modern header over an answer',
      version(modernVersion),
      '{"jsonrpc":"2.0","id":1,"result":{}}',
      mismatch,
    ],
  ])('is refused: %s', async (_what, headers, body, outcome) => {
    const answer = await world.ask({ headers, body })
    expect(answer.outcome).toBe(outcome)
    // Once more: nothing that was learnt changes it.
    expect((await world.ask({ headers, body })).outcome).toBe(outcome)
    expect(world.upstream.methods).toEqual([])
  })

  it('is told which versions are served, of its era', async () => {
    const modernAsked = await world.ask({
      headers: [...version('9999-01-01'), 'Mcp-Method', 'tools/list'],
      body: plain('tools/list', meta('9999-01-01')),
    })
    expect(modernAsked.body['error'].data).toMatchObject({
      requested: '9999-01-01',
      supported: [modernVersion],
    })
    const old = await world.ask({
      headers: json,
      body: plain('initialize', { protocolVersion: '2024-11-05' }),
    })
    expect(old.body['error'].data.requested).toBe('2024-11-05')
    expect(old.body['error'].data.supported).toContain('2025-11-25')
    const long = await world.ask({
      headers: json,
      body: plain('initialize', { protocolVersion: 'x'.repeat(5000) }),
    })
    expect(long.text.length).toBeLessThan(5000)
  })

  it('is no way past what is decided: a tool that may not be called is called in neither', async () => {
    for (const message of [legacy, modern]) {
      expect((await world.ask(message('tools/call', call('wipe')))).outcome).toBe('200 -32602')
      expect(
        (await world.ask(message('tools/call', call('managers')), { token: world.token('bob') })).outcome,
      ).toBe('200 -32602')
    }
    const bare = { headers: json, body: plain('tools/call', call('wipe')) }
    expect((await world.ask(bare)).outcome).toBe('200 -32602')
    expect(world.upstream.methods).toEqual([])
  })

  it('has neither streams nor sessions to open or end in the modern era', async () => {
    for (const method of ['GET', 'DELETE'])
      for (const text of [modernVersion, '9999-01-01', 'latest'])
        expect((await world.ask({ method, headers: ['MCP-Protocol-Version', text] })).outcome).toBe(
          '405 405 method_refused',
        )
    for (const method of ['PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE'])
      expect((await world.ask({ method })).status).toBe(405)
    const upgrade = `GET /a/mcp HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${world.token('alice')}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`
    expect(await world.raw(upgrade)).toMatch(/^HTTP\/1\.1 400 /)
    expect(await world.raw(upgrade.replace('1.1', '1.0'))).toMatch(/^HTTP\/1\.1 400 /)
    expect(world.upstream.methods).toEqual([])
  })
})
