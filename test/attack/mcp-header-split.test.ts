import { beforeEach, describe, expect, it } from 'vitest'
import {
  call,
  json,
  legacy,
  modern,
  modernBody,
  modernHeaders,
  modernVersion,
  versionKey,
} from '../mcp/messages.ts'
import { answerTo } from '../mcp/upstream.ts'
import { startWorld, type World } from '../mcp/world.ts'

/**
 * A60 header and body of a message say different things: who routes or decides by the headers would let through what the server
 * then reads in the body. Refused with 400, and no byte reaches the server.
 */
let world: World
beforeEach(async () => {
  world = await startWorld()
})

const wrap = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`
const mismatch = '400 -32020 protocol_mismatch'
const twice = '400 400 request_malformed'

/** What names a thing, by method: the parameter, one that is harmless and one that is not. */
const routed = {
  'tools/call': { field: 'name', safe: 'read_order', other: 'wipe' },
  'prompts/get': { field: 'name', safe: 'greeting', other: 'secret_prompt' },
  'resources/read': { field: 'uri', safe: 'file:///readme', other: 'file:///etc/shadow' },
} as const

describe('A60 a header that says another thing than the body', () => {
  it.each(Object.entries(routed))(
    'is refused for the name of %s, in whichever of the two it stands',
    async (method, it) => {
      const { field, safe, other } = it
      const says = async (name: string | undefined, param: unknown, more: readonly string[] = []) => {
        const told = { 'Mcp-Method': method, 'Mcp-Name': name }
        const body = modernBody(method, { [field]: param, arguments: { id: '1' } })
        return (await world.ask({ headers: modernHeaders(told, more), body })).outcome
      }
      const differ: [string | undefined, unknown][] = [
        [safe, other],
        [other, safe],
        [undefined, safe],
        ['', safe],
        [wrap(other), safe],
        [wrap(safe), other],
        // Markers are in lower case: this is the name as it stands.
        [wrap(safe).replace('base64', 'BASE64'), safe],
        [wrap(safe).replace('=?base64?', '=?base64?='), safe],
        ['=?base64?!?=', safe],
        ['=?base64?YQ?=', 'a'],
        ['=?base64?/w==?=', '\ufffd'],
        [safe.toUpperCase(), safe],
        [`${safe},${safe}`, safe],
        [`"${safe}"`, safe],
        [safe, [safe]],
        [safe, { [safe]: safe }],
        ['1', 1],
        // Bytes that some read as Latin-1 and some as UTF-8.
        ['caf\u00e9', 'café'],
        [Buffer.from('café').toString('latin1'), 'café'],
        [Buffer.from('café').toString('latin1'), Buffer.from('café').toString('latin1')],
      ]
      for (const [name, param] of differ) expect([name, await says(name, param)]).toEqual([name, mismatch])
      for (const more of [
        ['Mcp-Name', safe],
        ['mcp-name', other],
      ])
        expect(await says(safe, safe, more)).toBe(twice)
      expect(world.upstream.methods).toEqual([])
      expect(world.record().filter(({ kind }) => kind === 'call')).toEqual([])
    },
  )

  it('is refused for the method', async () => {
    const params = call('wipe')
    const says = async (told: Record<string, string | undefined>, more: readonly string[] = []) =>
      (
        await world.ask({
          headers: modernHeaders({ 'Mcp-Name': 'wipe', ...told }, more),
          body: modernBody('tools/call', params),
        })
      ).outcome
    for (const method of [
      'tools/list',
      'ping',
      'Tools/Call',
      '',
      undefined,
      wrap('tools/list'),
      'tools/list, tools/call',
    ])
      expect([method, await says({ 'Mcp-Method': method })]).toEqual([method, mismatch])
    expect(await says({ 'Mcp-Method': 'tools/call' }, ['mcp-method', 'tools/list'])).toBe(twice)
    const legacyCall = legacy('tools/call', params, ['Mcp-Method', 'tools/list', 'Mcp-Name', 'read_order'])
    expect((await world.ask(legacyCall)).outcome).toBe(mismatch)
    expect(world.upstream.methods).toEqual([])
  })

  it('is refused for the version, which decides how the message is read', async () => {
    const says = async (version: string | undefined, meta: unknown, more: readonly string[] = []) => {
      const told = { 'MCP-Protocol-Version': version, 'Mcp-Method': 'tools/list' }
      const _meta = meta === undefined ? {} : { [versionKey]: meta }
      return (
        await world.ask({ headers: modernHeaders(told, more), body: modernBody('tools/list', { _meta }) })
      ).outcome
    }
    expect(await says('2025-11-25', modernVersion)).toBe(mismatch)
    expect(await says(undefined, modernVersion)).toBe(mismatch)
    expect(await says(modernVersion, '2025-11-25')).toBe(mismatch)
    expect(await says(modernVersion, 20_260_728)).toBe(mismatch)
    expect(await says(modernVersion, [modernVersion])).toBe(mismatch)
    expect(await says(modernVersion, undefined)).toBe('400 -32602 protocol_meta_missing')
    expect(await says(modernVersion, modernVersion, ['mcp-protocol-version', modernVersion])).toBe(twice)
    expect(await says(modernVersion, modernVersion, ['mcp-protocol-version', '2025-11-25'])).toBe(twice)
    expect(world.upstream.methods).toEqual([])
  })

  it('is refused for an argument that a header repeats, once the definition was seen', async () => {
    const property = (type: string, name: string) => ({ type, 'x-mcp-header': name })
    const inner = { type: 'object', properties: { on: property('boolean', 'On') } }
    const properties = { region: property('string', 'Region'), count: property('integer', 'Count'), inner }
    const tool = { name: 'read_order', inputSchema: { type: 'object', properties } }
    world.upstream.answer = (reached) => {
      const { message, response } = reached
      const listed =
        message['method'] === 'tools/list' ? { tools: [tool, { ...tool, name: 'wipe' }] } : undefined
      response.writeHead(200, { 'content-type': 'application/json' }).end(answerTo(reached, listed))
    }
    const says = async (args: object, headers: readonly string[], name = 'read_order') =>
      (await world.ask(modern('tools/call', call(name, { ...args }), headers))).outcome
    // What was never seen is not known to differ; unknown ones pass as they are.
    expect(await says({ region: 'us' }, ['Mcp-Param-Region', 'eu'])).toBe('200')
    await world.ask(modern('tools/list'))
    const same: [object, readonly string[]][] = [
      [{ region: 'eu' }, ['Mcp-Param-Region', 'eu']],
      [{ region: 'eu' }, []],
      [{ region: 'ü' }, ['mcp-param-REGION', wrap('ü')]],
      [{ count: 42 }, ['Mcp-Param-Count', '42.0']],
      [{ inner: { on: true } }, ['Mcp-Param-On', ' true ']],
      [{ region: 'eu' }, ['Mcp-Param-Other', 'us']],
    ]
    for (const [args, headers] of same) expect([headers, await says(args, headers)]).toEqual([headers, '200'])
    const before = world.upstream.methods.length
    const differ: [object, readonly string[]][] = [
      [{ region: 'us' }, ['Mcp-Param-Region', 'eu']],
      [{ region: 'EU' }, ['Mcp-Param-Region', 'eu']],
      [{}, ['Mcp-Param-Region', 'eu']],
      [{ region: null }, ['Mcp-Param-Region', 'null']],
      [{ region: ['eu'] }, ['Mcp-Param-Region', 'eu']],
      [{ region: 'eu' }, ['mcp-param-region', wrap('us')]],
      [{ region: '' }, ['Mcp-Param-Region', '=?base64?!?=']],
      [{ count: 42 }, ['Mcp-Param-Count', '042']],
      [{ count: 42 }, ['Mcp-Param-Count', '0x2a']],
      [{ count: '42' }, ['Mcp-Param-Count', '43']],
      [{ inner: { on: false } }, ['Mcp-Param-On', 'true']],
      [{ on: true }, ['Mcp-Param-On', 'true']],
    ]
    for (const [args, headers] of differ)
      expect([headers, await says(args, headers)]).toEqual([headers, mismatch])
    expect(await says({ region: 'us' }, ['Mcp-Param-Region', 'us', 'mcp-param-region', 'eu'])).toBe(twice)
    // Of a hidden tool nothing is told, not even this.
    expect(await says({ region: 'us' }, ['Mcp-Param-Region', 'eu'], 'wipe')).toMatch(/-32602/)
    expect(world.upstream.methods.length).toBe(before)
  })

  it('is none where they mean the same: wrapped, or with blanks around', async () => {
    const at = (name: string) => {
      const body = modernBody('tools/call', call('read_order', { id: '1' }))
      const lines = modernHeaders({ 'Mcp-Method': 'tools/call' })
      const text = lines.map((it, index) => it + (index % 2 === 0 ? ': ' : '\r\n')).join('')
      return `POST /a/mcp HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${world.token('alice')}\r\n${text}Mcp-Name:${name}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }
    for (const name of ['read_order', ' \t read_order \t', wrap('read_order'), `\t${wrap('read_order')}  `])
      expect(await world.raw(at(name))).toMatch(/^HTTP\/1\.1 200 /)
    // A line that goes on in the next one could be read as two.
    expect(await world.raw(at(' read_\r\n order'))).toMatch(/^HTTP\/1\.1 400 /)
    expect(world.upstream.methods).toEqual(Array(4).fill('tools/call'))
    expect((await world.ask(modern('tools/call', call('read_order')))).status).toBe(200)
  })

  it('cannot come in other places: trailers, names with underscores, the query', async () => {
    const body = modernBody('tools/call', call('read_order', { id: '1' }))
    const lines = modernHeaders({ 'Mcp-Method': 'tools/call', 'Mcp-Name': 'read_order' }, [
      'mcp_name',
      'wipe',
    ])
    const text = lines.map((it, index) => it + (index % 2 === 0 ? ': ' : '\r\n')).join('')
    const answer = await world.raw(
      `POST /a/mcp HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\nAuthorization: Bearer ${world.token('alice')}\r\n${text}Trailer: Mcp-Name\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\nMcp-Name: wipe\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    const bytes = world.upstream.bytes().toString('latin1')
    expect(bytes).not.toContain('wipe')
    const query = await world.ask({ headers: json, body }, { path: '/a/mcp?Mcp-Name=read_order' })
    expect(query.status).toBe(400)
    expect(world.upstream.seen).toHaveLength(1)
  })
})
