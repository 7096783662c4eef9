/** What is switched off is refused, is in no list, and ends; what is switched on again works for the same session. */
import { describe, expect, it } from 'vitest'
import { call, eras, legacy, namesIn } from './messages.ts'
import { honest, openStream } from './upstream.ts'
import { startWorld, type World } from './world.ts'

const scopes = [
  ['a class', { kind: 'class', id: 'read' }],
  ['a label', { kind: 'label', id: 'orders' }],
  ['a tool', { kind: 'tool', id: 'read_order', server: 'a' }],
  ['a server', { kind: 'server', id: 'a' }],
  ['a client', { kind: 'client', id: 'desktop' }],
  ['a person', { kind: 'user', id: 'alice' }],
] as const

const turn = async (world: World, on: boolean, scope: object) =>
  (await world.running.admin('POST', `/v1/switches/${on ? 'on' : 'off'}`, { scope, cause: 'a test' })).status

describe('a switch', () => {
  it.each(scopes)('of %s refuses calls until it is on again', async (_name, scope) => {
    const world = await startWorld()
    const token = world.token('alice', 'a', 'desktop')
    let number = 0
    const outcome = async () =>
      (await world.ask(legacy('tools/call', call('read_order', { number: number++ })), { token })).outcome
    expect(await outcome()).toBe('200')
    expect(await turn(world, false, scope)).toBe(200)
    expect(await outcome()).toBe('403 403 switched_off')
    expect(world.upstream.methods).toEqual(['tools/call'])
    expect(await turn(world, true, scope)).toBe(200)
    expect(await outcome()).toBe('200')
  })

  it('of a tool takes it out of lists at once, and leaves other tools and servers alone', async () => {
    const world = await startWorld()
    const scope = { kind: 'tool', id: 'read_order', server: 'a' }
    const listed = async (era: 'legacy' | 'modern') =>
      namesIn((await world.ask(eras[era]('tools/list'))).body)
    expect(await listed('legacy')).toContain('read_order')
    await turn(world, false, scope)
    for (const era of ['legacy', 'modern'] as const) {
      expect(await listed(era)).not.toContain('read_order')
      expect(await listed(era)).toContain('write_order')
    }
    expect((await world.ask(legacy('tools/call', call('write_order')))).outcome).toBe('200')
    await turn(world, true, scope)
    expect(await listed('modern')).toContain('read_order')
  })

  it.each(scopes)('of %s ends calls that are open', async (_name, scope) => {
    const world = await startWorld()
    world.upstream.answer = (reached) => void openStream(reached).write(': hello\n\n')
    const token = world.token('alice', 'a', 'desktop')
    const answer = await world.open(legacy('tools/call', call('read_order')), { token })
    await answer.until(': hello')
    await turn(world, false, scope)
    await answer.until('switched_off')
    await world.upstream.seen[0]!.closed
    await expect
      .poll(() => world.record().filter(({ kind }) => kind === 'return' || kind === 'switch'))
      .toEqual(
        expect.arrayContaining([
          expect.objectContaining({ kind: 'return', reason: 'switched_off' }),
          expect.objectContaining({ kind: 'switch' }),
        ]),
      )
  })

  it('of a class refuses operations of it at the egress, whichever tool does them', async () => {
    const world = await startWorld({
      servers: `
  a:
    url: "{upstream}/a"
    allow: [anyone]
    tools: { both: { class: write, uses: [orders] } }`,
    })
    world.upstream.answer = (reached) => void openStream(reached).write(': hello\n\n')
    const answer = await world.open(legacy('tools/call', call('both')))
    await answer.until(': hello')
    const { authorization = '' } = world.upstream.seen[0]!.headers
    const read = async () => {
      const url = `${world.running.faces.egress.url}/downstream/orders/orders/7`
      return (await fetch(url, { headers: { authorization } })).text()
    }
    expect(await read()).toBe('{"ok":true}')
    await turn(world, false, { kind: 'class', id: 'read' })
    expect(await read()).toContain('"code":"switched_off"')
    expect(world.api.seen).toHaveLength(1)
    await turn(world, true, { kind: 'class', id: 'read' })
    expect(await read()).toBe('{"ok":true}')
  })

  it('of a class or label is no revocation, and of a label that no tool has is an error', async () => {
    const { running } = await startWorld()
    const field = async (path: string, scope: object) =>
      (await running.admin('POST', path, { scope, cause: 'x' })).body['field']
    for (const path of ['/v1/revocations', '/v1/holds', '/v1/releases'])
      for (const scope of [
        { kind: 'class', id: 'read' },
        { kind: 'label', id: 'orders' },
      ])
        expect(await field(path, scope)).toBe('scope.kind')
    expect(await field('/v1/switches/off', { kind: 'label', id: 'order' })).toBe('scope.id')
    expect(await field('/v1/switches/off', { kind: 'class', id: 'reads' })).toBe('scope.id')
  })

  it('of a tool says which server, and only what is configured', async () => {
    const world = await startWorld()
    const { admin } = world.running
    const said = async (scope: object) =>
      (await admin('POST', '/v1/switches/off', { scope, cause: 'x' })).body['field']
    expect(await said({ kind: 'tool', id: 'read_order' })).toBe('scope.server')
    expect(await said({ kind: 'tool', id: 'read_order', server: 'c' })).toBe('scope.server')
    expect(await said({ kind: 'tool', id: 'read_order', server: 'b' })).toBe('scope.id')
    expect((await admin('GET', '/v1/switches')).body).toEqual({ switches: [] })
    await turn(world, false, { kind: 'tool', id: 'wipe', server: 'b' })
    expect((await admin('GET', '/v1/switches')).body).toMatchObject({
      switches: [{ scope: { kind: 'tool', server: 'b', tool: 'wipe' }, seq: 2 }],
    })
  })

  it('of a tool names it where one entry stands for all', async () => {
    const world = await startWorld({
      servers: `
  a: { url: "{upstream}/a", allow: [anyone], tools: { "*": { class: read, uses: [orders] } } }`,
    })
    expect(await turn(world, false, { kind: 'tool', id: 'wipe' })).toBe(200)
    expect((await world.ask(legacy('tools/call', call('wipe')))).outcome).toBe('403 403 switched_off')
    expect((await world.ask(legacy('tools/call', call('read_order')))).outcome).toBe('200')
  })
})

describe('a revocation of a tool', () => {
  it('ends its calls with a receipt, and holds it until it is released', async () => {
    const world = await startWorld()
    world.upstream.answer = (reached) => void openStream(reached).write(': hello\n\n')
    const answer = await world.open(legacy('tools/call', call('read_order')))
    await answer.until(': hello')
    const scope = { kind: 'tool', id: 'read_order', server: 'a' }
    const { status, body } = await world.running.admin('POST', '/v1/revocations', { scope, cause: 'a test' })
    expect([status, body]).toMatchObject([200, { receipt: { hold: true, replicas: [{ calls: 1 }] } }])
    await answer.until('"cut"')
    world.upstream.answer = honest
    expect((await world.ask(legacy('tools/call', call('read_order', { b: 1 })))).outcome).toMatch(
      / (cut|held)$/,
    )
    expect((await world.ask(legacy('tools/call', call('write_order')))).status).toBe(200)
  })
})
