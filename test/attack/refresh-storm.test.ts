import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, type World } from '../egress/world.ts'

/** A49: nothing is kept from one caller for another, and a downstream's 401 costs one fresh credential a request. */
let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

describe('a downstream that answers 401 to everything', () => {
  it('is asked twice for each request and no more', async () => {
    world.exchange.secrets = Array.from({ length: 100 }, (_, index) => `s${index}`)
    world.answer = (_req, res) => res.writeHead(401).end()
    await Promise.all(Array.from({ length: 10 }, () => world.ask('/downstream/orders/orders/1')))
    expect(world.seen).toHaveLength(20)
    expect(world.exchange.needs).toHaveLength(20)
  })
})

describe('answers', () => {
  it('are not kept: each request is sent', async () => {
    let turn = 0
    world.answer = (_req, res) => res.writeHead(200, { 'cache-control': 'max-age=3600' }).end(String(++turn))
    expect((await world.ask('/downstream/orders/orders/1')).body).toBe('1')
    expect((await world.ask('/downstream/orders/orders/1')).body).toBe('2')
  })

  it('of ours say that no cache may keep them', async () => {
    expect((await world.ask('/downstream/orders/admin')).headers['cache-control']).toBe('no-store')
  })
})
