import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { eventually, startStdio } from './world.ts'

const order = { path: '/downstream/orders/orders/7' }

describe('the way of a child to the egress', () => {
  it('is a socket of its own, where it shows the token of its call', async () => {
    const world = await startStdio()
    const session = await world.begin()
    expect(await session.deed('egress', { ...order, token: 'mine', capability: false })).toBe('200')
    expect(world.api.seen).toMatchObject([
      { path: '/orders/7', headers: { 'x-api-key': 'orders-key-of-everybody-4b1c' } },
    ])
    const { SALLYPORT_EGRESS: egress } = (await session.deed('whoami')).env
    const socket = egress.replace(/^unix:/, '')
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700)
    await session.end()
    await eventually(() => statSync(dirname(socket), { throwIfNoEntry: false }) === undefined)
  })

  it('needs no token while there is one call that can be meant', async () => {
    const world = await startStdio()
    const session = await world.begin()
    expect(await session.deed('egress', order)).toBe('200')
    expect(world.api.seen).toHaveLength(1)
    expect(JSON.stringify(world.api.seen[0])).not.toMatch(/capability|authorization/i)
    // What the call may do is what its tool uses: nothing else changes with the way.
    expect(await session.deed('egress', { ...order, method: 'POST' })).toBe('403 operation_unknown')
    const waiting = session.call('wait', { ms: 1500 })
    await eventually(async () => (await session.deed('seen')).length >= 6)
    expect(await session.deed('egress', order)).toBe('403 call_not_single')
    expect(await session.deed('egress', { ...order, token: 'mine' })).toBe('200')
    await waiting
    expect(await session.deed('egress', order)).toBe('200')
    const denials = world.record().filter(({ kind }) => kind === 'denial')
    expect(denials.map(({ reason }) => reason)).toContain('call_not_single')
  })

  it('serves the downstreams and nothing else', async () => {
    const world = await startStdio()
    const session = await world.begin()
    const at = (path: string, more = {}) => session.deed('egress', { path, ...more })
    expect(await at('/downstreams')).toBe('200')
    expect(await at('/oauth2/token', { method: 'POST' })).toBe('404 not_found')
    expect(await at(`${world.api.url}/orders/7`)).toBe('404 not_found')
    expect(await at(order.path, { capability: 'guessed' })).toBe('401 client_auth_failed')
    expect(await at(order.path, { capability: false })).toBe('401 token_missing')
    expect(await at(order.path, { headers: { host: 'evil.example' } })).toBe('421 host_refused')
    expect(await at(order.path, { token: 'a.b.c' })).toBe('403 call_of_another_session')
    expect(world.api.seen).toHaveLength(0)
  })
})
