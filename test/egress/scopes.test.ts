import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, type World } from './world.ts'

let world: World

beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world.close())

const challenge = (scope: string, error = 'insufficient_scope') =>
  `Bearer error="${error}", scope="${scope}", resource_metadata="https://orders.example/metadata"`

/** What the downstream answers, and what becomes of it. */
async function answered(header: string | readonly string[], asked?: readonly string[]) {
  if (asked !== undefined) world.exchange.asked = asked
  world.answer = (_req, res) => res.writeHead(403, { 'www-authenticate': [header].flat() }).end('inner text')
  return world.ask('/downstream/orders/orders/1')
}

describe('a downstream that asks for more scopes', () => {
  it('leads the person to the page, once for each, and its answer stays inside', async () => {
    const answer = await answered(challenge('orders.read orders.write'), ['orders.read'])
    expect(answer.status).toBe(424)
    expect(answer.json()).toMatchObject({
      code: 'scope_required',
      next: 'connect',
      downstream: 'orders',
      connect_url: 'https://sallyport.example/connect/orders',
    })
    expect(answer.body).not.toContain('inner text')
    expect(world.exchange.wanted).toEqual([['orders.write']])
    expect(world.seen).toHaveLength(1)
    expect(world.exchange.refused).toEqual([])
    expect(world.records.map((it) => [it.kind, it.status])).toEqual([
      ['intent', undefined],
      ['outcome', 403],
    ])
  })

  it('is heard in any of several challenges', async () => {
    const answer = await answered(['Basic realm="x"', challenge('orders.write')], [])
    expect(answer.json().code).toBe('scope_required')
  })

  it.each([
    ['for what the person was asked for already', challenge('orders.write'), ['orders.read', 'orders.write']],
    ['for nothing', 'Bearer error="insufficient_scope"', []],
    ['for another reason', challenge('orders.write', 'invalid_request'), []],
    ['for more than anybody reads', challenge('b c'), Array.from({ length: 49 }, (_, at) => `s${at}`)],
    ['for a credential that is no linked account', challenge('orders.write'), undefined],
  ])('is passed on where it asks %s', async (_, header, asked) => {
    const answer = await answered(header, asked)
    expect(answer.status).toBe(403)
    expect(answer.body).toBe('inner text')
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect(world.exchange.wanted).toEqual([])
  })

  it('is answered 424 also after the credential was replaced', async () => {
    world.exchange.secrets = ['old-credential', 'new-credential']
    world.exchange.asked = []
    world.answer = (req, res) => {
      const isNew = req.headers.authorization === 'Bearer new-credential'
      res.writeHead(isNew ? 403 : 401, { 'www-authenticate': challenge('orders.write') }).end()
    }
    const answer = await world.ask('/downstream/orders/orders/1')
    expect(answer.json().code).toBe('scope_required')
    expect(world.seen).toHaveLength(2)
  })
})
