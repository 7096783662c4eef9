import { expect, it } from 'vitest'
import { startHostile } from '../attack/hostile.ts'

it('asks the person for a connection that is lost in the middle of a call, instead of telling that it failed', async () => {
  const scene = await startHostile()
  const { running } = scene
  const alice = await scene.signIn('alice')
  expect(await scene.call(alice, 'my_things', {})).toContain('/connect/mine')

  const value = 'alices-own-key-0123456789'
  const connected = await running.admin('POST', '/v1/connections', {
    downstream: 'mine',
    user: 'alice',
    value,
  })
  expect(connected.status, JSON.stringify(connected.body)).toBe(200)
  scene.deeds['my_things'] = ({ token }) => scene.try(token, 'GET', '/mine', undefined, 'mine')
  expect(await scene.call(alice, 'my_things', {})).toBe('200')
  expect(scene.arrivals.at(-1)?.key).toBe(value)

  scene.deeds['my_things'] = async ({ token }) => {
    const scope = { kind: 'connection', id: connected.body['id'] }
    await running.admin('POST', '/v1/revocations', { scope, cause: 'lost', wait: 'fence' })
    return scene.try(token, 'GET', '/mine', undefined, 'mine')
  }
  const arrivals = scene.arrivals.length
  const told = await scene.call(alice, 'my_things', {})
  expect(scene.arrivals).toHaveLength(arrivals)
  expect(told).toMatch(/\/connect\/mine\?ask=/)
})
