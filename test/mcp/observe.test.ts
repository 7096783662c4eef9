/** `mode: observe`: reads that would be refused pass and stand in the record as such; writes are held. */
import { describe, expect, it } from 'vitest'
import { call, eras, legacy, namesIn } from './messages.ts'
import { openStream } from './upstream.ts'
import { startWorld, type World } from './world.ts'

const servers = `
  a:
    url: "{upstream}/a"
    mode: observe
    allow: [anyone]
    tools:
      read_order: { class: read, uses: [{ op: "orders GET /orders/{id}", bind: { path.id: order } }], deny: [anyone] }
      write_order: { class: write, uses: ["orders POST /orders"], deny: [anyone] }
      one: { class: read, uses: [{ op: "orders GET /orders/{id}", bind: { path.id: order } }] }`

/** Begins a call, and gives the token that its server was given with it. */
async function begin(world: World, tool: string): Promise<string> {
  world.upstream.answer = (reached) => void openStream(reached).write(': hello\n\n')
  const answer = await world.open(legacy('tools/call', call(tool, { order: '7' })))
  await answer.until(': hello')
  return world.upstream.seen.at(-1)!.headers.authorization!
}

async function status(world: World, authorization: string, method: string, path: string): Promise<number> {
  const url = `${world.running.faces.egress.url}/downstream/orders${path}`
  return (await fetch(url, { method, headers: { authorization } })).status
}

describe('a server that is observed', () => {
  it('shows and calls tools without an entry and reads that a rule refuses, and records why', async () => {
    const world = await startWorld({ servers })
    const listed = namesIn((await world.ask(eras.legacy('tools/list'))).body)
    expect(listed).toEqual(expect.arrayContaining(['read_order', 'wipe', 'managers']))
    expect(listed).not.toContain('write_order')
    expect((await world.ask(legacy('tools/call', call('read_order', {})))).outcome).toBe('200')
    expect((await world.ask(legacy('tools/call', call('wipe')))).outcome).toBe('200')
    const refused = await world.ask(legacy('tools/call', call('write_order')))
    expect(refused.body['error']).toMatchObject({ code: -32602 })
    const calls = world.record().filter(({ kind }) => kind === 'call')
    expect(calls.map(({ tool, observed, rule }) => [tool, observed, rule])).toEqual([
      ['read_order', 'denied_by_rule', 'servers.a.mode'],
      ['wipe', 'tool_unknown', 'servers.a.mode'],
    ])
    expect(calls[0]?.['details']).toMatchObject({ observed_rule: 'servers.a.tools.read_order.deny[0]' })
  })

  it('lets a tool without an entry read, and holds what it writes', async () => {
    const world = await startWorld({ servers })
    const token = await begin(world, 'wipe')
    expect(await status(world, token, 'GET', '/orders/9')).toBe(200)
    expect(await status(world, token, 'POST', '/orders')).toBe(403)
    expect(world.api.seen.map(({ method }) => method)).toEqual(['GET'])
    const intents = world.record().filter(({ kind }) => kind === 'intent')
    expect(intents.map(({ observed }) => observed)).toEqual(['tool_unknown'])
    expect(world.record().filter(({ kind }) => kind === 'denial')).toMatchObject([{ reason: 'tool_unknown' }])
  })

  it('lets a read pass that its call did not say, and records that too', async () => {
    const world = await startWorld({ servers })
    const token = await begin(world, 'one')
    expect(await status(world, token, 'GET', '/orders/7')).toBe(200)
    expect(await status(world, token, 'GET', '/orders/8')).toBe(200)
    const intents = world.record().filter(({ kind }) => kind === 'intent')
    expect(intents.map(({ path, observed }) => [path, observed])).toEqual([
      ['/orders/7', undefined],
      ['/orders/8', 'call_parameter_mismatch'],
    ])
  })
})
