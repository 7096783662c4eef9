import { beforeEach, describe, expect, it } from 'vitest'
import { call, eras, json, modernBody, modernHeaders } from '../mcp/messages.ts'
import { startWorld, type World } from '../mcp/world.ts'

/**
 * A62 names of tools that look or fold like one that may be called, or are something else to a program: none of them is that
 * tool. Each is answered as one that does not exist, and no byte reaches the server.
 */
let world: World
beforeEach(async () => {
  world = await startWorld()
})

const wrap = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`

const twins = [
  'Read_Order',
  'READ_ORDER',
  'read_order ',
  ' read_order',
  'read_order\t',
  'read_order\n',
  'read_order\0',
  'read_order\0.wipe',
  'read_ord\u200ber',
  '\ufeffread_order',
  'read_order\u00ad',
  '\u202eredro_daer',
  '\uff52ead_order',
  're\u0430d_order',
  'read\u2024order',
  'read-order',
  'read_orde',
  'read_order2',
  'read_order,wipe',
  'read_order;wipe',
  'read_order/../wipe',
  'read%5forder',
  'read_order?',
  'read_order#wipe',
  '*',
  'read_*',
  '',
  'x'.repeat(5000),
]
const programs = [
  'constructor',
  '__proto__',
  'prototype',
  'toString',
  'hasOwnProperty',
  '__defineGetter__',
  'valueOf',
]
const others = [
  'a/read_order',
  'a.read_order',
  'a__read_order',
  'mcp__a__read_order',
  'a:read_order',
  '/a/mcp/read_order',
  'main.read_order',
]

describe('A62 a name that is nearly that of a tool', () => {
  it.each([
    ['twins of a tool', twins],
    ['what programs have by themselves', programs],
    ['names with the server in them', others],
  ])('is not the tool: %s', async (_what, names) => {
    for (const name of names) {
      const { status, body } = await world.ask(eras.legacy('tools/call', call(name, { id: '1' })))
      expect([name, status, body['error']?.code]).toEqual([name, 200, -32_602])
      const headers = modernHeaders({ 'Mcp-Method': 'tools/call', 'Mcp-Name': wrap(name) })
      const modern = await world.ask({ headers, body: modernBody('tools/call', call(name, { id: '1' })) })
      expect([name, modern.body['error']?.code]).toEqual([name, -32_602])
    }
    expect(world.upstream.methods).toEqual([])
  })

  it('is not the tool where a JSON text makes half a character of it', async () => {
    for (const name of ['read_order\\ud800', '\\udc00read_order', 'wip\\u0065']) {
      const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}"}}`
      expect((await world.ask({ headers: json, body })).body['error'].code).toBe(-32_602)
    }
    expect(world.upstream.methods).toEqual([])
    // Escapes are no trick: this is the tool.
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_orde\\u0072"}}'
    expect((await world.ask({ headers: json, body })).body['result'].content[0].text).toBe('did read_order')
  })

  it('is what it is at its own server only: what one lets call, another one need not', async () => {
    const at = async (server: string, token: string) =>
      (await world.ask(eras.legacy('tools/call', call('wipe')), { path: `/${server}/mcp`, token })).outcome
    expect(await at('b', world.token('alice', 'b'))).toBe('200')
    expect(await at('a', world.token('alice', 'a'))).toBe('200 -32602')
    expect(await at('a', world.token('alice', 'b'))).toBe('401 401 token_audience_refused')
    expect(await at('b', world.token('alice', 'a'))).toBe('401 401 token_audience_refused')
    for (const path of [
      '/a/mcp/../../b/mcp',
      '/a/mcp/',
      '//a/mcp',
      '/A/mcp',
      '/a%2fmcp',
      '/b/../a/mcp',
      '/a/mcp;b',
      '/a/mcp#/b/mcp',
    ])
      expect([400, 404]).toContain(
        (await world.ask(eras.legacy('tools/call', call('wipe')), { path })).status,
      )
    expect(world.upstream.seen.map(({ path }) => path)).toEqual(['/at-b'])
  })

  it('is not taken for one of the others, where one entry stands for all others', async () => {
    const tools =
      '{ wipe: { class: never, uses: [orders] }, "*": { class: read, uses: ["orders GET /orders/{id}"] } }'
    const lax = await startWorld({
      servers: `\n  a: { url: "{upstream}/at-a", allow: [anyone], tools: ${tools} }`,
    })
    const asked = async (name: string) => (await lax.ask(eras.legacy('tools/call', call(name)))).outcome
    for (const name of ['wipe', 'Wipe', 'WIPE', 'wipe ', '\twipe\n', 'wi\u200bpe', '\uff57ipe', ' * '])
      expect([name, await asked(name)]).toEqual([name, '200 -32602'])
    expect(lax.upstream.methods).toEqual([])
    for (const name of ['read_order', 'wiped', 'a wipe of sorts'])
      expect([name, await asked(name)]).toEqual([name, '200'])
  })

  it('writes short lines, however long the name is', async () => {
    await world.ask(eras.legacy('tools/call', call('x'.repeat(1_000_000))))
    const lines = world.record().filter(({ kind }) => kind === 'denial')
    expect(lines).toHaveLength(1)
    expect(JSON.stringify(lines[0]).length).toBeLessThan(2000)
    expect(world.log.join('').length).toBeLessThan(20_000)
  })
})
